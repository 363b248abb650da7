from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import botocore.session
import httpx
import psutil
import pytest
import pytest_asyncio
from botocore.config import Config
from botocore.exceptions import ClientError

from local_gateway import clock
from local_gateway.api import Application, Identity, Queue, Table
from local_gateway.errors import TemplateError
from local_gateway.services import Services
from local_gateway.services.aws import generations
from local_gateway.services.errors import CallRejected, ServiceGone
from tests.fakes.applications import an_application
from tests.processes import wait_gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDENTITY = Identity(region="eu-west-1", account_id="111122223333")


def queue(name: str, *, dead_letters: str | None = None, **attributes: str) -> Queue:
    if dead_letters is not None:
        policy = {"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": 2}
        attributes["RedrivePolicy"] = json.dumps(policy)
    return Queue(
        logical_id=name.title(),
        name=name,
        arn=arn(name),
        url=f"https://sqs.eu-west-1.amazonaws.com/111122223333/{name}",
        attributes=MappingProxyType(attributes),
    )


def arn(name: str) -> str:
    return f"arn:aws:sqs:eu-west-1:111122223333:{name}"


JOBS = queue("jobs", dead_letters="dead", VisibilityTimeout="7")
DEAD = queue("dead")
OTHER = queue("other", DelaySeconds="0")
NUMBERS = itertools.count()
TABLE = Table(
    logical_id="Connections",
    name="connections",
    arn="arn:aws:dynamodb:eu-west-1:111122223333:table/connections",
    create={
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    ttl_attribute="expires_at",
)


def application(*queues: Queue, tables: tuple[Table, ...] = ()) -> Application:
    return an_application(
        identity=IDENTITY,
        queues={each.logical_id: each for each in queues},
        tables={each.logical_id: each for each in tables},
    )


def make_client(service: str, url: str) -> Any:  # noqa: ANN401 — a class that botocore makes
    return botocore.session.get_session().create_client(
        service,
        endpoint_url=url,
        region_name=IDENTITY.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services() -> AsyncIterator[Services]:
    started = Services(IDENTITY)
    await started.start(application(JOBS, DEAD, OTHER, tables=(TABLE,)))
    yield started
    await started.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(services: Services) -> Queue:
    created = queue(f"fresh-{next(NUMBERS)}")
    await services.client.call("sqs", "CreateQueue", {"QueueName": created.name})
    return created


@pytest.fixture
def sqs(services: Services) -> Iterator[SQSClient]:
    client = make_client("sqs", services.environment["AWS_ENDPOINT_URL_SQS"])
    yield client
    client.close()


@pytest.fixture
def dynamodb(services: Services) -> Iterator[DynamoDBClient]:
    client = make_client("dynamodb", services.environment["AWS_ENDPOINT_URL_DYNAMODB"])
    yield client
    client.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
)
async def test_a_web_page_is_refused(services: Services, headers: dict[str, str]) -> None:
    target = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "text/plain"}

    async with httpx.AsyncClient() as client:
        answer = await client.post(services.url, json={}, headers={**target, **headers})

    assert answer.status_code == 403


async def test_queues_have_their_attributes(sqs: SQSClient) -> None:
    answer = await asyncio.to_thread(
        sqs.get_queue_attributes, QueueUrl=JOBS.url, AttributeNames=["All"]
    )

    attributes = answer["Attributes"]
    assert attributes["QueueArn"] == JOBS.arn
    assert attributes["VisibilityTimeout"] == "7"
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"] == DEAD.arn
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["SqsManagedSseEnabled"] == "true"


async def test_tables_have_their_ttl(dynamodb: DynamoDBClient) -> None:
    answer = await asyncio.to_thread(dynamodb.describe_time_to_live, TableName=TABLE.name)

    assert answer["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires_at",
    }


async def test_items_can_be_written_and_read(dynamodb: DynamoDBClient) -> None:
    item = {"pk": {"S": "alice"}, "n": {"N": "1"}}

    await asyncio.to_thread(dynamodb.put_item, TableName=TABLE.name, Item=item)
    found = await asyncio.to_thread(
        dynamodb.get_item, TableName=TABLE.name, Key={"pk": {"S": "alice"}}
    )

    assert found.get("Item") == item


async def test_a_send_is_heard_of_with_its_time(services: Services, fresh: Queue) -> None:
    heard: asyncio.Queue[int] = asyncio.Queue()
    services.on_sent(fresh.name, heard.put_nowait)
    before = clock.now_ms()

    await services.client.call("sqs", "SendMessage", {"QueueUrl": fresh.url, "MessageBody": "a"})
    delayed = {"QueueUrl": fresh.url, "MessageBody": "b", "DelaySeconds": 60}
    await services.client.call("sqs", "SendMessage", delayed)
    at_once, later = await heard.get(), await heard.get()

    assert before <= at_once <= clock.now_ms()
    assert before + 60_000 <= later <= clock.now_ms() + 60_000


async def test_a_delayed_message_is_not_received_yet(services: Services, fresh: Queue) -> None:
    for body, delay in (("later", 60), ("now", 0)):
        send = {"QueueUrl": fresh.url, "MessageBody": body, "DelaySeconds": delay}
        await services.client.call("sqs", "SendMessage", send)

    messages = await services.client.receive(fresh.url, 10)

    assert [message["Body"] for message in messages] == ["now"]


async def test_a_changed_visibility_is_heard_of(services: Services, fresh: Queue) -> None:
    await services.client.call("sqs", "SendMessage", {"QueueUrl": fresh.url, "MessageBody": "a"})
    [message] = await services.client.receive(fresh.url, 10)
    heard: asyncio.Queue[int] = asyncio.Queue()
    services.on_sent(fresh.name, heard.put_nowait)

    change = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
    await services.client.call("sqs", "ChangeMessageVisibility", {"QueueUrl": fresh.url, **change})

    assert await heard.get() <= clock.now_ms()


async def test_a_message_is_received_with_all_its_attributes(
    services: Services, sqs: SQSClient, fresh: Queue
) -> None:
    await asyncio.to_thread(
        sqs.send_message,
        QueueUrl=fresh.url,
        MessageBody="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "welcome"}},
    )

    [message] = await services.client.receive(fresh.url, 10)

    assert message["Body"] == "hello"
    assert message["MessageAttributes"]["kind"]["StringValue"] == "welcome"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert sorted(message["Attributes"]) == [
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
    ]
    await services.client.delete(fresh.url, [message["ReceiptHandle"]])


async def test_a_message_tells_of_whose_event_it_was_sent(
    services: Services, sqs: SQSClient, fresh: Queue
) -> None:
    def add_trace(params: dict[str, Any], **_: object) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = "Root=1-a;Parent=b"

    entries: Any = [{"Id": each, "MessageBody": each} for each in "ab"]
    sqs.meta.events.register_first("before-call.sqs.SendMessageBatch", add_trace)
    try:
        await asyncio.to_thread(sqs.send_message_batch, QueueUrl=fresh.url, Entries=entries)
    finally:
        sqs.meta.events.unregister("before-call.sqs.SendMessageBatch", add_trace)
    await asyncio.to_thread(sqs.send_message, QueueUrl=fresh.url, MessageBody="c")

    messages = await services.client.receive(fresh.url, 10)

    traces = {each["Body"]: each["Attributes"].get("AWSTraceHeader") for each in messages}
    assert traces == {"a": "Root=1-a;Parent=b", "b": "Root=1-a;Parent=b", "c": None}
    await services.client.delete(fresh.url, [each["ReceiptHandle"] for each in messages])


async def test_a_deleted_message_may_be_deleted_again(services: Services, fresh: Queue) -> None:
    await services.client.call("sqs", "SendMessage", {"QueueUrl": fresh.url, "MessageBody": "a"})
    [message] = await services.client.receive(fresh.url, 10)
    entry = {"QueueUrl": fresh.url, "ReceiptHandle": message["ReceiptHandle"]}

    await services.client.call("sqs", "DeleteMessage", entry)
    await services.client.call("sqs", "DeleteMessage", entry)

    with pytest.raises(CallRejected, match="ReceiptHandleIsInvalid"):
        await services.client.call("sqs", "DeleteMessage", {**entry, "ReceiptHandle": "wrong"})


async def test_many_are_deleted_in_batches_of_ten(services: Services, fresh: Queue) -> None:
    for n in range(13):
        send = {"QueueUrl": fresh.url, "MessageBody": str(n)}
        await services.client.call("sqs", "SendMessage", send)
    messages = await services.client.receive(fresh.url, 10)
    messages += await services.client.receive(fresh.url, 10)

    await services.client.delete(fresh.url, [message["ReceiptHandle"] for message in messages])

    counts = {"QueueUrl": fresh.url, "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]}
    found = await services.client.call("sqs", "GetQueueAttributes", counts)
    assert [message["Body"] for message in messages] == [str(n) for n in range(13)]
    assert found["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "0"}


async def test_a_long_poll_gets_what_is_sent_and_holds_up_nobody(
    services: Services, sqs: SQSClient, fresh: Queue
) -> None:
    polling = asyncio.create_task(
        asyncio.to_thread(sqs.receive_message, QueueUrl=fresh.url, WaitTimeSeconds=20)
    )
    attributes = {"QueueUrl": fresh.url, "AttributeNames": ["QueueArn"]}
    for _ in range(20):
        await services.client.call("sqs", "GetQueueAttributes", attributes)
    assert not polling.done()

    await services.client.call("sqs", "SendMessage", {"QueueUrl": fresh.url, "MessageBody": "a"})
    answer = await polling

    assert [message.get("Body") for message in answer["Messages"]] == ["a"]


async def test_a_long_poll_ends_empty_when_its_time_is_over(sqs: SQSClient, fresh: Queue) -> None:
    answer = await asyncio.to_thread(sqs.receive_message, QueueUrl=fresh.url, WaitTimeSeconds=1)

    assert "Messages" not in answer


async def test_a_message_received_too_often_is_a_dead_letter(services: Services) -> None:
    heard: asyncio.Queue[int] = asyncio.Queue()
    services.on_sent("dead", heard.put_nowait)
    await services.client.call("sqs", "SendMessage", {"QueueUrl": JOBS.url, "MessageBody": "bad"})
    for _ in range(2):
        [job] = await services.client.receive(JOBS.url, 10)
        change = {"ReceiptHandle": job["ReceiptHandle"], "VisibilityTimeout": 0}
        change["QueueUrl"] = JOBS.url
        await services.client.call("sqs", "ChangeMessageVisibility", change)

    third = await services.client.receive(JOBS.url, 10)
    [dead] = await services.client.receive(DEAD.url, 10)

    assert third == []
    assert dead["Body"] == "bad"
    assert await heard.get() <= clock.now_ms()
    await services.client.delete(DEAD.url, [dead["ReceiptHandle"]])


async def test_errors_have_the_names_that_sdks_know(
    sqs: SQSClient, dynamodb: DynamoDBClient
) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        await asyncio.to_thread(sqs.send_message, QueueUrl="https://x/1/none", MessageBody="a")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        await asyncio.to_thread(dynamodb.describe_table, TableName="none")


async def test_other_services_are_refused(services: Services) -> None:
    client = make_client("kms", services.url)

    with pytest.raises(ClientError, match="only SQS and DynamoDB are served here"):
        await asyncio.to_thread(client.list_keys)

    client.close()


async def test_what_breaks_inside_is_an_error_and_no_more(services: Services) -> None:
    with pytest.raises(CallRejected, match="InternalFailure"):
        await services.client.call("dynamodb", "PutItem", {"TableName": "connections", "Item": 1})

    assert services.is_running


@pytest.mark.usefixtures("services")
async def test_only_loopback_is_listened_on() -> None:
    [child] = [
        process
        for process in psutil.Process().children()
        if "local_gateway.services.moto_server" in process.cmdline()
    ]
    listening = [
        connection.laddr.ip
        for connection in child.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening == ["127.0.0.1"]


async def test_a_template_without_queues_and_tables_has_no_child() -> None:
    services = Services(IDENTITY)
    services.launch()
    assert services.is_running

    await services.provision(application())

    assert not services.is_running
    assert services.environment == {}


async def test_a_table_that_aws_would_refuse_is_an_error_of_the_template() -> None:
    wrong = Table(logical_id="Wrong", name="wrong", arn="", create={"KeySchema": []})
    services = Services(IDENTITY)

    with pytest.raises(TemplateError) as caught:
        await services.start(application(tables=(wrong,)))
    await services.stop()

    assert str(caught.value).startswith(
        "template.yaml: Wrong.Properties: CreateTable was refused: "
    )


async def test_a_stopped_child_is_gone() -> None:
    others = set(psutil.Process().children())
    services = Services(IDENTITY)
    await services.start(application(OTHER))
    client = services.client
    [process] = set(psutil.Process().children()) - others

    await services.stop()
    await services.stop()

    assert not services.is_running
    assert not process.is_running()
    with pytest.raises(RuntimeError):
        _ = services.client
    with pytest.raises((ServiceGone, RuntimeError)):
        await client.call("sqs", "ListQueues", {})


async def test_it_dies_with_a_parent_that_is_killed() -> None:
    program = (
        "import asyncio, psutil\n"
        "from local_gateway.api import Identity\n"
        "from local_gateway.services import Services\n"
        "services = Services(Identity()); services.launch()\n"
        "async def main():\n"
        "    await services._await_ready()\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))

    parent.kill()
    await parent.wait()

    assert await asyncio.to_thread(wait_gone, child)


async def test_dead_letter_queues_come_first() -> None:
    first = queue("a", dead_letters="b")
    second = queue("b", dead_letters="c")
    third = queue("c", dead_letters="elsewhere")
    alone = queue("d")

    groups = generations([first, second, third, alone])

    assert [[each.name for each in group] for group in groups] == [["c", "d"], ["b"], ["a"]]


async def test_queues_that_name_each_other_are_left_to_sqs_to_refuse() -> None:
    circle = [queue("a", dead_letters="b"), queue("b", dead_letters="a")]

    assert generations(circle) == [circle]

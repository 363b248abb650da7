from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.session import get_session
from botocore.stub import ANY, Stubber

from cloudpush.errors import QueueUnavailable
from cloudpush.jobs import encode_job
from cloudpush.model import FanOut
from cloudpush.queues.sqs import SqsJobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.session import Session
    from mypy_boto3_sqs.client import SQSClient

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/jobs"


def fan_out(number: int) -> FanOut:
    return FanOut(message_id=str(number))


JOBS = [fan_out(number) for number in range(3)]


@pytest.fixture(scope="module")
def session() -> Session:
    """It reads the description of SQS once for all tests."""
    return get_session()


@pytest.fixture
def client(session: Session) -> Iterator[SQSClient]:
    client = session.create_client(
        "sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    yield cast("SQSClient", client)
    client.close()


@pytest.fixture
def sqs(client: SQSClient) -> Iterator[Stubber]:
    """What SQS is asked, in order; a test fails if that is not what it was told to expect."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def queue(client: SQSClient, sqs: Stubber) -> SqsJobQueue:
    del sqs  # the client must be stubbed
    return SqsJobQueue(client, URL)


def expect(sqs: Stubber, numbers: list[int], failed: dict[int, str] | None = None) -> None:
    """Expect a request for these jobs, and fail some of them with a code."""
    entries = [
        {
            "Id": str(number),
            "MessageBody": encode_job(fan_out(number)),
            "DelaySeconds": 5,
        }
        for number in numbers
    ]
    answer: dict[str, Any] = {
        "Successful": [
            {"Id": str(number), "MessageId": "id", "MD5OfMessageBody": "md5"}
            for number in numbers
            if number not in (failed or {})
        ],
        "Failed": [
            {"Id": str(number), "Code": code, "SenderFault": code != "InternalError"}
            for number, code in (failed or {}).items()
        ],
    }
    sqs.add_response("send_message_batch", answer, {"QueueUrl": URL, "Entries": entries})


def test_jobs_share_a_request(queue: SqsJobQueue, sqs: Stubber) -> None:
    expect(sqs, [0, 1, 2])

    queue.send(JOBS, delay_seconds=5)


def test_only_what_sqs_failed_to_take_is_sent_again(queue: SqsJobQueue, sqs: Stubber) -> None:
    expect(sqs, [0, 1, 2], failed={1: "InternalError", 2: "InternalError"})
    expect(sqs, [1, 2], failed={2: "InternalError"})
    expect(sqs, [2])

    queue.send(JOBS, delay_seconds=5)


def test_after_three_attempts_the_queue_is_unavailable(queue: SqsJobQueue, sqs: Stubber) -> None:
    expect(sqs, [0, 1, 2], failed={1: "InternalError"})
    expect(sqs, [1], failed={1: "InternalError"})
    expect(sqs, [1], failed={1: "InternalError"})

    with pytest.raises(QueueUnavailable, match="1 jobs: InternalError"):
        queue.send(JOBS, delay_seconds=5)


def test_what_is_our_fault_is_not_sent_again(queue: SqsJobQueue, sqs: Stubber) -> None:
    expect(sqs, [0, 1, 2], failed={0: "InternalError", 1: "InvalidMessageContents"})

    with pytest.raises(QueueUnavailable, match="2 jobs: InternalError, InvalidMessageContents"):
        queue.send(JOBS, delay_seconds=5)


def error_codes_of_send_message_batch() -> list[str]:
    model = get_session().get_service_model("sqs").operation_model("SendMessageBatch")
    return sorted(shape.name for shape in model.error_shapes)


@pytest.mark.parametrize(
    "code", [*error_codes_of_send_message_batch(), "AccessDenied", "ExpiredToken", "Throttling"]
)
def test_no_error_of_the_vendor_leaves_the_adapter(
    queue: SqsJobQueue, sqs: Stubber, code: str
) -> None:
    sqs.add_client_error(
        "send_message_batch", code, expected_params={"QueueUrl": URL, "Entries": ANY}
    )

    with pytest.raises(QueueUnavailable, match=code):
        queue.send(JOBS, delay_seconds=5)


def test_sqs_that_cannot_be_reached_is_unavailable(client: SQSClient) -> None:
    # No socket: the request fails just before it would be sent.
    client.meta.events.register("before-send", fail_to_connect)

    with pytest.raises(QueueUnavailable, match="Could not connect"):
        SqsJobQueue(client, URL).send(JOBS)


def fail_to_connect(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url=URL)

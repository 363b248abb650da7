"""`notify`, through its entry point, with what the other functions leave in its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import message
import notify
import push_api
from cloudpush.errors import ReceiverUnavailable
from cloudpush.model import Drain, Notice, Receipt, ReceiptState
from cloudpush.settings import ReceiptUrl, Settings
from tests.fakes.lambda_events import FakeLambdaContext, http_event, message_event, sqs_event
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

RECEIPT_URL = ReceiptUrl(
    is_https=True, host="example.com", port=443, target="/", may_be_private=False
)
DELIVERED = Receipt(message_id="m1", client_id="alice", state=ReceiptState.DELIVERED, at_ms=NOON_MS)
NONE_FAILED: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}


def failed(*records: int) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": str(each)} for each in records]}


def test_what_a_client_acknowledges_is_told_to_the_sender(
    environment: Environment, lines: Lines
) -> None:
    environment.use(Settings(receipt_url=RECEIPT_URL))
    environment.connect("alice", "alice-connection")
    body = '{"target":{"clients":["alice"]},"msg":{"k":"v"},"qos":1}'
    accepted = push_api.handler(http_event("POST", "/v1/messages", body=body), FakeLambdaContext())
    message.handler(
        message_event('{"msgType":2,"seq":1}', connection_id="alice-connection"),
        FakeLambdaContext(),
    )

    answer = notify.handler(sqs_event(*environment.notices.jobs), FakeLambdaContext())

    assert answer == NONE_FAILED
    [receipt] = environment.receiver.receipts
    assert receipt["messageId"] in accepted["body"]
    assert receipt == {
        "id": f"{receipt['messageId']}/alice",
        "messageId": receipt["messageId"],
        "clientId": "alice",
        "state": "delivered",
        "at": NOON_MS,
        "sentAt": NOON_MS,
    }
    assert lines.metrics["ReceiptsTold"] == 1


def test_what_is_not_taken_stays_in_the_queue_for_longer_each_time(
    environment: Environment, lines: Lines
) -> None:
    environment.receiver.failures.append(ReceiverUnavailable("example.com answered 500"))
    event = sqs_event(Notice(receipts=[DELIVERED]), Notice(receipts=[DELIVERED]))
    event["Records"][1]["attributes"]["ApproximateReceiveCount"] = "4"

    answer = notify.handler(event, FakeLambdaContext())

    assert answer == failed(0, 1)
    assert environment.notices.postponed == [("0", 2), ("1", 16)]
    assert lines.metrics == {"ReceiptsPostponed": 2}


def test_what_is_no_job_fails_alone(environment: Environment) -> None:
    answer = notify.handler(
        sqs_event("not a job", Notice(receipts=[DELIVERED])), FakeLambdaContext()
    )

    assert answer == failed(0)
    assert len(environment.receiver.bodies) == 1


def test_a_job_of_another_queue_fails_the_batch(environment: Environment, lines: Lines) -> None:
    event = sqs_event(Notice(receipts=[DELIVERED]), Drain(client_ids=["alice"]))

    answer = notify.handler(event, FakeLambdaContext())

    assert answer == failed(0, 1)
    assert environment.receiver.bodies == []
    assert [line["message"] for line in lines.logs] == ["a batch failed"]

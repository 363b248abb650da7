from __future__ import annotations

import json
from typing import Any

import pytest

from local_gateway.sources.sqs_event import MAX_EVENT_BYTES, read_failures, write_events

ARN = "arn:aws:sqs:us-east-2:123456789012:my-queue"
MESSAGE: dict[str, Any] = {
    "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
    "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
    "Body": "Test message.",
    "Attributes": {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    },
    "MessageAttributes": {
        "kind": {"DataType": "String", "StringValue": "welcome"},
        "raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
    },
    "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
    "MD5OfMessageAttributes": "00484c68211a04d2c4fa1f7ef43a2ee9",
}


def test_the_event_is_as_the_developer_guide_shows_it() -> None:
    [(event, batch)] = write_events([MESSAGE], ARN, "us-east-2")

    assert batch == [MESSAGE]
    assert json.loads(event) == {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": "Test message.",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {
                    "kind": {
                        "stringValue": "welcome",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String",
                    },
                    "raw": {
                        "binaryValue": "AAEC",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "Binary",
                    },
                },
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "us-east-2",
                "md5OfMessageAttributes": "00484c68211a04d2c4fa1f7ef43a2ee9",
            }
        ]
    }


def test_a_message_without_attributes_has_an_empty_object() -> None:
    message = {k: v for k, v in MESSAGE.items() if "MessageAttributes" not in k}

    [(event, _)] = write_events([message], ARN, "us-east-2")

    [record] = json.loads(event)["Records"]
    assert record["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in record


def test_a_batch_that_would_be_too_large_is_several_events() -> None:
    messages = [{**MESSAGE, "MessageId": str(n), "Body": "x" * 2_500_000} for n in range(5)]

    events = list(write_events(messages, ARN, "us-east-2"))

    assert [[m["MessageId"] for m in batch] for _, batch in events] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
    ]
    assert all(len(event) <= MAX_EVENT_BYTES for event, _ in events)


def test_no_messages_are_no_event() -> None:
    assert list(write_events([], ARN, "us-east-2")) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # Complete success, as the developer guide lists it.
        ('{"batchItemFailures": []}', set[str]()),
        ('{"batchItemFailures": null}', set[str]()),
        ("{}", set[str]()),
        ("null", set[str]()),
        # Partial.
        ('{"batchItemFailures": [{"itemIdentifier": "b"}]}', {"b"}),
        ('{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}', {"b"}),
        # Complete failure.
        ("no JSON", {"a", "b", "c"}),
        ("", {"a", "b", "c"}),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', {"a", "b", "c"}),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b", "c"}),
        ('{"batchItemFailures": [{"identifier": "b"}]}', {"a", "b", "c"}),
        ('{"batchItemFailures": [{"itemIdentifier": "other"}]}', {"a", "b", "c"}),
        ('{"batchItemFailures": [{"itemIdentifier": "b"}, {"x": 1}]}', {"a", "b", "c"}),
        # Not listed by the guide; nothing is deleted that a function didn't vouch for.
        ('{"batchItemFailures": ["b"]}', {"a", "b", "c"}),
        ('{"batchItemFailures": [{"itemIdentifier": ["b"]}]}', {"a", "b", "c"}),
        ('{"batchItemFailures": "b"}', {"a", "b", "c"}),
        ('"done"', {"a", "b", "c"}),
        ("[]", {"a", "b", "c"}),
    ],
)
def test_which_messages_failed(answer: str, expected: set[str]) -> None:
    assert read_failures(answer.encode(), ["a", "b", "c"]) == expected

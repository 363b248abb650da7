"""Between SQS and a function: the event made of messages, and what its answer says of each.

Without I/O. The event is that of the Lambda developer guide, "Using Lambda with Amazon SQS"; the
answer's rules are those of "Implementing partial batch responses".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local_gateway.integration import Json

    Message = Mapping[str, Any]
    """As ReceiveMessage returns it, with all attributes."""

MAX_EVENT_BYTES = 6_000_000
"""Lambda invokes with fewer messages rather than with a larger event (6 MB)."""
_ENVELOPE_BYTES = len(b'{"Records":[]}')


def write_events(
    messages: Sequence[Message], queue_arn: str, region: str
) -> Iterator[tuple[bytes, list[Message]]]:
    """Yield the event of a batch and its messages; several events if one would be too large."""
    records: list[bytes] = []
    batch: list[Message] = []
    size = _ENVELOPE_BYTES
    for message in messages:
        record = orjson.dumps(_record(message, queue_arn, region))
        if batch and size + len(record) + 1 > MAX_EVENT_BYTES:
            yield _event(records), batch
            records, batch, size = [], [], _ENVELOPE_BYTES
        records.append(record)
        batch.append(message)
        size += len(record) + 1
    if batch:
        yield _event(records), batch


def _event(records: list[bytes]) -> bytes:
    return b'{"Records":[' + b",".join(records) + b"]}"


def _record(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    attributes: Mapping[str, Mapping[str, Any]] = message.get("MessageAttributes") or {}
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {}
    for ours, theirs in (("stringValue", "StringValue"), ("binaryValue", "BinaryValue")):
        if theirs in value:
            attribute[ours] = value[theirs]
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    return {**attribute, **lists, "dataType": value["DataType"]}


def read_failures(payload: bytes, message_ids: Sequence[str]) -> frozenset[str]:
    """Return which messages of a batch failed, as the answer of its function reports them.

    None failed: `batchItemFailures` is empty or null, or the answer is an empty object or null.
    All failed: the answer is not JSON or no object, `batchItemFailures` is no list, or an entry has
    no `itemIdentifier`, or an empty or null one, or one that isn't in the batch.
    """
    everything = frozenset(message_ids)
    try:
        answer: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return everything
    if isinstance(answer, dict):
        answer = answer.get("batchItemFailures")
    elif answer is not None:
        return everything
    if answer is None:
        return frozenset()
    if not isinstance(answer, list):
        return everything
    failed = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in answer]
    known = frozenset(each for each in failed if isinstance(each, str) and each in everything)
    return known if len(known) == len(set(map(str, failed))) else everything

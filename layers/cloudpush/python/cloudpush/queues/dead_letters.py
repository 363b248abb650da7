"""A dead-letter queue on Amazon SQS, looked into and emptied."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from cloudpush.errors import QueueUnavailable
from cloudpush.ports import DeadLetter, DeadLetterCount
from cloudpush.queues.record import BATCH_RECORDS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from mypy_boto3_sqs.client import SQSClient

WAITING: Final = "ApproximateNumberOfMessages"
HIDDEN: Final = "ApproximateNumberOfMessagesNotVisible"

HIDDEN_SECONDS: Final = 60
"""How long what is taken is hidden from others: longer than a function runs that empties it."""


class SqsDeadLetterQueue:
    """`ports.DeadLetterQueue` on a standard queue; `client` is botocore's, made for SQS."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def count(self) -> DeadLetterCount:
        """See `ports.DeadLetterQueue.count`. SQS's own numbers are a minute behind at worst."""
        with _translated_errors():
            found = self._client.get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=[WAITING, HIDDEN]
            )["Attributes"]
        return DeadLetterCount(waiting=int(found[WAITING]), hidden=int(found[HIDDEN]))

    def peek(self) -> Sequence[DeadLetter]:
        """See `ports.DeadLetterQueue.peek`: they are received, and hidden for no time at all."""
        return self._receive(hidden_seconds=0)

    def take(self) -> Sequence[DeadLetter]:
        """See `ports.DeadLetterQueue.take`."""
        return self._receive(hidden_seconds=HIDDEN_SECONDS)

    def _receive(self, *, hidden_seconds: int) -> list[DeadLetter]:
        with _translated_errors():
            answer = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=BATCH_RECORDS,
                VisibilityTimeout=hidden_seconds,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        return [
            DeadLetter(
                record_id=each.get("MessageId", ""),
                receipt_handle=each.get("ReceiptHandle", ""),
                body=each.get("Body", ""),
                sent_at_ms=int(each.get("Attributes", {}).get("SentTimestamp", 0)),
            )
            for each in answer.get("Messages", [])
        ]

    def drop(self, letters: Sequence[DeadLetter]) -> None:
        """See `ports.DeadLetterQueue.drop`."""
        with _translated_errors():
            answer = self._client.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each.receipt_handle}
                    for number, each in enumerate(letters)
                ],
            )
        if answer.get("Failed"):
            raise QueueUnavailable("SQS did not delete every dead letter")


@contextlib.contextmanager
def _translated_errors() -> Generator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise QueueUnavailable(f"SQS did not let its dead letters be seen: {error}") from error

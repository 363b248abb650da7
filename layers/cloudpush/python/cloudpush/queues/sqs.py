"""Jobs on Amazon SQS, ten to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from cloudpush.errors import QueueUnavailable
from cloudpush.jobs import encode_job
from cloudpush.queues.record import check_delay, split_into_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import (
        SendMessageBatchRequestEntryTypeDef,
        SendMessageBatchResultTypeDef,
    )

    from cloudpush.model import Job
    from cloudpush.ports import Received

ATTEMPTS: Final = 3
"""How often a record is sent that SQS itself failed to take from an accepted request.

At once, without a pause: it is one of SQS's hosts that failed. Requests that fail as a whole
are retried by botocore, with its pauses."""


class SqsJobQueue:
    """A `NoticeQueue` on a standard queue; `client` is botocore's or boto3's, made for SQS."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Hand over jobs; on return every one of them is stored."""
        check_delay(delay_seconds)
        # All of them are encoded before the first is sent: what is too large is found in time.
        bodies = [encode_job(job) for job in jobs]
        for batch in split_into_batches(bodies):
            self._send_batch(
                [
                    {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_seconds}
                    for number, body in enumerate(batch)
                ]
            )

    def postpone(self, received: Received, *, seconds: int) -> None:
        """See `ports.RedriveQueue.postpone`."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=received.receipt_handle,
                VisibilityTimeout=seconds,
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"SQS did not postpone a job: {error}") from error

    def _send_batch(self, entries: list[SendMessageBatchRequestEntryTypeDef]) -> None:
        for attempts_left in reversed(range(ATTEMPTS)):
            failed = {entry["Id"]: entry for entry in self._request(entries).get("Failed", [])}
            if not failed:
                return
            entries = [entry for entry in entries if entry["Id"] in failed]
            if not attempts_left or any(entry["SenderFault"] for entry in failed.values()):
                codes = ", ".join(sorted({entry["Code"] for entry in failed.values()}))
                raise QueueUnavailable(f"SQS did not take {len(entries)} jobs: {codes}")

    def _request(
        self, entries: list[SendMessageBatchRequestEntryTypeDef]
    ) -> SendMessageBatchResultTypeDef:
        try:
            return self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"SQS did not take {len(entries)} jobs: {error}") from error

"""Jobs on Amazon SQS, ten to a request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from cloudpush.errors import QueueUnavailable
from cloudpush.jobs import encode_job
from cloudpush.queues.record import check_delay, split_into_batches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


_log = logging.getLogger(__name__)


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
            refused = self._send_batch(
                [
                    {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_seconds}
                    for number, body in enumerate(batch)
                ]
            )
            if refused:
                codes = ", ".join(sorted(set(refused.values())))
                raise QueueUnavailable(f"SQS did not take {len(refused)} jobs: {codes}")

    def send_each(self, jobs: Sequence[tuple[Job, int]]) -> Sequence[bool]:
        """See `ports.JobQueue.send_each`; what was refused, and why, is logged."""
        for _, delay_seconds in jobs:
            check_delay(delay_seconds)
        bodies = [encode_job(job) for job, _ in jobs]
        taken: list[bool] = []
        for batch in split_into_batches(bodies):
            delays = [delay for _, delay in jobs[len(taken) : len(taken) + len(batch)]]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
                for number, (body, delay) in enumerate(zip(batch, delays, strict=True))
            ]
            try:
                refused = self._send_batch(entries)
            except QueueUnavailable as error:
                refused = {entry["Id"]: str(error) for entry in entries}
            if refused:
                _log.warning("SQS did not take %d jobs: %s", len(refused), set(refused.values()))
            taken += [entry["Id"] not in refused for entry in entries]
        return taken

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

    def _send_batch(
        self, entries: Sequence[SendMessageBatchRequestEntryTypeDef]
    ) -> Mapping[str, str]:
        """Send these; return of those that were not taken, by `Id`, with which code.

        Raises:
            QueueUnavailable: a request as a whole was not taken.
        """
        refused: dict[str, str] = {}
        for _ in range(ATTEMPTS):
            failed = self._request(entries).get("Failed", [])
            refused = {entry["Id"]: entry["Code"] for entry in failed}
            if not refused or any(entry["SenderFault"] for entry in failed):
                break
            entries = [entry for entry in entries if entry["Id"] in refused]
        return refused

    def _request(
        self, entries: Sequence[SendMessageBatchRequestEntryTypeDef]
    ) -> SendMessageBatchResultTypeDef:
        try:
            return self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"SQS did not take {len(entries)} jobs: {error}") from error

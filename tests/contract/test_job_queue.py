"""The contract of `JobQueue`, held by the memory queue, a rough one, and SQS (on moto)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
import pytest
from botocore.session import get_session
from moto import mock_aws

from cloudpush.errors import PayloadTooLarge, QueueUnavailable
from cloudpush.jobs import decode_job, encode_job
from cloudpush.model import (
    Connection,
    Delivery,
    Eviction,
    FanOut,
    Publication,
    Trigger,
    Welcome,
)
from cloudpush.ports import Received
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.queues.sqs import SqsJobQueue

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from mypy_boto3_sqs.client import SQSClient

    from cloudpush.model import Job
    from cloudpush.ports import JobQueue, RedriveQueue

START_MS = 1_736_164_800_000

CONNECTION = Connection(
    connection_id="PJqB0fHsqRcCHlw=",
    client_id="alice",
    session_id="0" * 32,
    connected_at_ms=START_MS,
    expires_at_ms=START_MS + 7_500_000,
    last_seen_ms=START_MS,
)


def publication(msg: Mapping[str, object]) -> Publication:
    return Publication(
        message_id="1" * 32,
        trigger=Trigger.HTTP,
        sender="system",
        msg=dict(msg),
        accepted_at_ms=START_MS,
    )


def fan_out(number: int, text: str = "") -> FanOut:
    return FanOut(message_id=f"{number} {text}")


class Clock:
    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Harness(Protocol):
    """A queue, who reads it, and its clock."""

    queue: JobQueue
    clock: Clock

    def receive(self) -> list[Job]:
        """Return a few jobs that are due, and take them off the queue."""
        ...


class MemoryHarness:
    def __init__(self, queue: MemoryJobQueue, clock: Clock) -> None:
        self.queue: JobQueue = queue
        self.clock = clock
        self.receive = queue.receive


class SqsHarness:
    def __init__(self, client: SQSClient, clock: Clock) -> None:
        self.clock = clock
        self._client = client
        self._url = client.create_queue(QueueName="jobs")["QueueUrl"]
        self.redrive: RedriveQueue = SqsJobQueue(client, self._url)
        self.queue: JobQueue = SqsJobQueue(client, self._url)

    def take(self) -> list[Received]:
        """Receive jobs and leave them on the queue, as a function does that fails."""
        answer = self._client.receive_message(
            QueueUrl=self._url, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )
        return [
            Received(
                job=decode_job(message.get("Body", "")),
                record_id=message.get("MessageId", ""),
                receipt_handle=message.get("ReceiptHandle", ""),
                receive_count=int(message.get("Attributes", {})["ApproximateReceiveCount"]),
            )
            for message in answer.get("Messages", [])
        ]

    def receive(self) -> list[Job]:
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        for message in messages:
            self._client.delete_message(
                QueueUrl=self._url, ReceiptHandle=message.get("ReceiptHandle", "")
            )
        return [decode_job(message.get("Body", "")) for message in messages]


@contextlib.contextmanager
def sqs_on_moto() -> Generator[SQSClient]:
    with mock_aws():
        client = get_session().create_client(
            "sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        yield cast("SQSClient", client)
        client.close()


@pytest.fixture(params=["memory", "rough-memory", "sqs"])
def harness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    clock = Clock()
    match request.param:
        case "memory":
            yield MemoryHarness(MemoryJobQueue(now_ms=clock), clock)
        case "rough-memory":
            queue = MemoryJobQueue(now_ms=clock, duplicates=True, reorders=True, seed=7)
            yield MemoryHarness(queue, clock)
        case _:
            # moto's own clock: delays pass when the test says so.
            monkeypatch.setattr("moto.sqs.models.unix_time_millis", clock)
            monkeypatch.setattr("moto.sqs.models.unix_time", lambda: clock() / 1000)
            with sqs_on_moto() as client:
                yield SqsHarness(client, clock)


def receive_all(harness: Harness) -> set[bytes]:
    """Read until nothing is due, and return the distinct jobs as their JSON."""
    received: set[bytes] = set()
    while jobs := harness.receive():
        received |= encoded(jobs)
    return received


def encoded(jobs: list[Job]) -> set[bytes]:
    return {msgspec.json.encode(job) for job in jobs}


def test_every_kind_of_job_arrives_as_it_was_sent(harness: Harness) -> None:
    jobs: list[Job] = [
        Welcome(connection=CONNECTION, attempt=3),
        Delivery(
            publication=publication({"text": "grüße 👋", "deep": [{"n": 1.5}, None, True]}),
            connections=[CONNECTION, CONNECTION],
        ),
        FanOut(message_id="m", doublings=3, hop=2),
        Eviction(connection=CONNECTION, close_code=4101),
    ]

    harness.queue.send(jobs)

    assert receive_all(harness) == encoded(jobs)


def test_characters_that_a_record_may_not_have_arrive_as_well(harness: Harness) -> None:
    characters = "".join(
        map(chr, [0, 8, 9, 10, 13, 31, 127, 0x85, 0xFFFD, 0xFFFE, 0xFFFF, 0x1FFFF])
    )
    jobs: list[Job] = [fan_out(1, characters)]

    harness.queue.send(jobs)

    assert receive_all(harness) == encoded(jobs)


def test_nothing_to_send_is_fine(harness: Harness) -> None:
    harness.queue.send([])

    assert harness.receive() == []


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_any_number_of_jobs_is_taken(harness: Harness, count: int) -> None:
    jobs: list[Job] = [fan_out(number) for number in range(count)]

    harness.queue.send(jobs)

    assert receive_all(harness) == encoded(jobs)


def test_jobs_that_are_too_many_bytes_for_one_request_are_taken(harness: Harness) -> None:
    jobs: list[Job] = [fan_out(number, "ä" * 150_000) for number in range(9)]

    harness.queue.send(jobs)

    assert receive_all(harness) == encoded(jobs)


def test_job_that_is_too_large_is_refused_and_nothing_is_sent(harness: Harness) -> None:
    with pytest.raises(PayloadTooLarge, match="1048576"):
        harness.queue.send([fan_out(1), fan_out(2, "x" * 1024 * 1024)])

    assert harness.receive() == []


@pytest.mark.parametrize("delay_seconds", [1, 64, 900])
def test_delayed_job_arrives_when_its_delay_is_over(harness: Harness, delay_seconds: int) -> None:
    jobs: list[Job] = [fan_out(1)]
    harness.queue.send(jobs, delay_seconds=delay_seconds)

    harness.clock.now_ms += delay_seconds * 1000 - 1
    early = harness.receive()
    harness.clock.now_ms += 1
    due = receive_all(harness)

    assert early == []
    assert due == encoded(jobs)


def test_delay_of_one_call_delays_no_other(harness: Harness) -> None:
    now: list[Job] = [fan_out(1)]
    later: list[Job] = [fan_out(2), fan_out(3)]
    harness.queue.send(later, delay_seconds=10)
    harness.queue.send(now)

    assert receive_all(harness) == encoded(now)
    harness.clock.now_ms += 10_000
    assert receive_all(harness) == encoded(later)


def test_each_of_different_callers_arrives_after_its_own_delay(harness: Harness) -> None:
    jobs: list[tuple[Job, int]] = [(fan_out(number), number % 2 * 10) for number in range(12)]

    taken = harness.queue.send_each(jobs)

    assert taken == [True] * 12
    assert receive_all(harness) == encoded([job for job, delay in jobs if not delay])
    harness.clock.now_ms += 10_000
    assert receive_all(harness) == encoded([job for job, delay in jobs if delay])


@pytest.mark.parametrize("delay_seconds", [-1, 901])
def test_delay_that_no_queue_keeps_is_refused(harness: Harness, delay_seconds: int) -> None:
    with pytest.raises(ValueError, match="900"):
        harness.queue.send([fan_out(1)], delay_seconds=delay_seconds)
    with pytest.raises(ValueError, match="900"):
        harness.queue.send_each([(fan_out(1), 0), (fan_out(2), delay_seconds)])

    assert harness.receive() == []


@pytest.mark.parametrize("harness", ["sqs"], indirect=True)
@pytest.mark.parametrize("seconds", [2, 3600])
def test_job_that_is_postponed_is_received_again_then_and_not_before(
    harness: SqsHarness, seconds: int
) -> None:
    harness.queue.send([fan_out(1)])
    [received] = harness.take()

    harness.redrive.postpone(received, seconds=seconds)
    harness.clock.now_ms += seconds * 1000 - 1
    early = harness.take()
    harness.clock.now_ms += 2  # moto shows it a millisecond later
    [again] = harness.take()

    assert early == []
    assert (again.job, again.record_id) == (fan_out(1), received.record_id)
    assert (received.receive_count, again.receive_count) == (1, 2)


@pytest.fixture
def missing_queue() -> Iterator[SqsJobQueue]:
    with sqs_on_moto() as client:
        yield SqsJobQueue(client, "https://sqs.us-east-1.amazonaws.com/123456789012/nowhere")


def test_queue_that_is_not_there_is_unavailable(missing_queue: SqsJobQueue) -> None:
    with pytest.raises(QueueUnavailable, match="NonExistentQueue"):
        missing_queue.send([fan_out(1)])


def test_queue_that_is_not_there_takes_nothing_of_anyone(missing_queue: SqsJobQueue) -> None:
    assert missing_queue.send_each([(fan_out(1), 0), (fan_out(2), 5)]) == [False, False]


class PartialSqs:
    """SQS that refuses the records with certain bodies, and counts requests."""

    def __init__(self, *refused: FanOut, is_senders_fault: bool = False) -> None:
        self._refused = {encode_job(each) for each in refused}
        self._is_senders_fault = is_senders_fault
        self.requests: list[int] = []
        """How many records each had."""

    def send_message_batch(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 — botocore's
        self.requests.append(len(request["Entries"]))
        return {
            "Failed": [
                {"Id": each["Id"], "Code": "InternalError", "SenderFault": self._is_senders_fault}
                for each in request["Entries"]
                if each["MessageBody"] in self._refused
            ]
        }

    def queue(self) -> SqsJobQueue:
        return SqsJobQueue(cast("SQSClient", self), "https://sqs/jobs")


def test_each_of_many_is_a_tenth_of_a_request() -> None:
    sqs = PartialSqs()

    taken = sqs.queue().send_each([(fan_out(number), number) for number in range(100)])

    assert taken == [True] * 100
    assert sqs.requests == [10] * 10


@pytest.mark.parametrize(
    ("is_senders_fault", "requests"), [(False, [10, 1, 1, 2]), (True, [10, 2])]
)
def test_what_sqs_did_not_take_is_tried_again_and_fails_alone(
    requests: list[int], *, is_senders_fault: bool
) -> None:
    sqs = PartialSqs(fan_out(3), is_senders_fault=is_senders_fault)

    taken = sqs.queue().send_each([(fan_out(number), 0) for number in range(12)])

    assert taken == [number != 3 for number in range(12)]
    assert sqs.requests == requests


def test_of_one_caller_all_fail_where_sqs_did_not_take_one() -> None:
    sqs = PartialSqs(fan_out(3))

    with pytest.raises(QueueUnavailable, match="1 jobs: InternalError"):
        sqs.queue().send([fan_out(number) for number in range(12)])


def test_queue_that_is_not_there_postpones_nothing(missing_queue: SqsJobQueue) -> None:
    received = Received(job=fan_out(1), record_id="r", receipt_handle="h", receive_count=1)

    with pytest.raises(QueueUnavailable, match="NonExistentQueue"):
        missing_queue.postpone(received, seconds=2)

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway import clock
from local_gateway.api import Queue, QueueMapping
from local_gateway.services.errors import CallRejected, ServiceGone
from local_gateway.sources.sqs import Concurrency, QueuePoller
from tests.fakes.invocations import RecordingFunctions, failed, refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

NEVER = 3600.0


class MemoryQueue:
    """A queue without delays; what was received comes back when a test, or a time, says so."""

    def __init__(self) -> None:
        self.waiting: deque[dict[str, Any]] = deque()
        self.in_flight: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.receive_errors: list[Exception] = []
        self.delete_errors: list[Exception] = []
        self.changed = asyncio.Condition()
        self.receives = 0
        self.visibility_ms: int | None = None
        """After how long what was received is visible again; None waits for `make_visible`."""
        self._hidden_at = 0

    def put(self, *bodies: str) -> None:
        for body in bodies:
            message: dict[str, Any] = {
                "MessageId": f"id-{body}",
                "ReceiptHandle": f"handle-{body}",
                "Body": body,
                "MD5OfBody": "",
                "Attributes": {},
            }
            self.waiting.append(message)

    async def receive(self, queue_url: str, count: int) -> list[dict[str, Any]]:
        assert queue_url == QUEUE.url
        assert 1 <= count <= 10
        self.receives += 1
        async with self.changed:
            self.changed.notify_all()
        if self.receive_errors:
            raise self.receive_errors.pop(0)
        now = clock.now_ms()
        if self.visibility_ms is not None and self._hidden_at + self.visibility_ms < now:
            self.make_visible()
        self._hidden_at = now if self.waiting else self._hidden_at
        messages = [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]
        self.in_flight |= {message["ReceiptHandle"]: message for message in messages}
        return messages

    async def delete(self, queue_url: str, receipt_handles: Sequence[str]) -> None:
        assert queue_url == QUEUE.url
        if self.delete_errors:
            raise self.delete_errors.pop(0)
        self.deleted.extend(receipt_handles)
        async with self.changed:
            self.changed.notify_all()

    def make_visible(self) -> None:
        self.waiting.extend(self.in_flight.values())
        self.in_flight.clear()

    async def wait_for_deleted(self, count: int) -> list[str]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.deleted) >= count)
        return self.deleted

    async def wait_for_receives(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.receives >= count)


QUEUE = Queue(
    logical_id="Jobs",
    name="jobs",
    arn="arn:aws:sqs:us-east-1:123456789012:jobs",
    url="https://sqs.us-east-1.amazonaws.com/123456789012/jobs",
)


def mapping(**settings: Any) -> QueueMapping:  # noqa: ANN401 — fields of many types
    return QueueMapping(logical_id="Mapping", queue="Jobs", function="Work", **settings)


@asynccontextmanager
async def polling(
    queue: MemoryQueue,
    functions: RecordingFunctions,
    of: QueueMapping,
    *,
    poll_seconds: float = NEVER,
    visibility_seconds: int = 0,
) -> AsyncGenerator[QueuePoller]:
    poller = QueuePoller(
        of,
        replace(QUEUE, attributes={"VisibilityTimeout": str(visibility_seconds)}),
        client=queue,
        functions=functions,
        region="us-east-1",
        poll_seconds=poll_seconds,
    )
    poller.start()
    try:
        yield poller
    finally:
        await poller.stop(0)


def bodies(event: dict[str, Any]) -> list[str]:
    return [record["body"] for record in event["Records"]]


async def test_a_batch_that_succeeds_is_deleted() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    async with polling(queue, functions, mapping()) as poller:
        await queue.wait_for_receives(1)

        queue.put("a", "b")
        poller.expect(clock.now_ms())
        deleted = await queue.wait_for_deleted(2)

    assert deleted == ["handle-a", "handle-b"]
    assert [bodies(event) for event in functions.events["Work"]] == [["a", "b"]]


async def test_a_queue_that_nobody_speaks_of_is_looked_at() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    async with polling(queue, functions, mapping(), poll_seconds=0.001):
        await queue.wait_for_receives(3)

        queue.put("a")

        assert await queue.wait_for_deleted(1) == ["handle-a"]


async def test_a_message_is_received_when_it_is_due() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    async with polling(queue, functions, mapping()) as poller:
        await queue.wait_for_receives(1)

        due = clock.now_ms() + 30
        poller.expect(due + 1_000_000)
        poller.expect(due)
        queue.put("a")
        await queue.wait_for_deleted(1)

    assert clock.now_ms() >= due


@pytest.mark.parametrize("problem", [failed(), refused(), RuntimeError("a defect")])
@pytest.mark.parametrize("reports", [True, False])
async def test_a_batch_that_fails_comes_back_after_the_visibility_timeout(
    problem: object, *, reports: bool
) -> None:
    queue, functions = MemoryQueue(), RecordingFunctions(Work=[problem, None])
    queue.put("a", "b")
    async with polling(queue, functions, mapping(reports_batch_item_failures=reports)) as poller:
        await functions.wait_for("Work", 1)
        assert queue.deleted == []

        queue.make_visible()
        poller.expect(clock.now_ms())
        deleted = await queue.wait_for_deleted(2)

    assert deleted == ["handle-a", "handle-b"]
    assert [bodies(event) for event in functions.events["Work"]] == [["a", "b"], ["a", "b"]]


async def test_a_failure_is_expected_to_be_visible_again_by_itself() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions(Work=[failed(), None])
    queue.put("a")
    queue.visibility_ms = 1000
    async with polling(queue, functions, mapping(), visibility_seconds=1):
        deleted = await queue.wait_for_deleted(1)

    assert deleted == ["handle-a"]


async def test_only_reported_messages_come_back() -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "id-b"}]}
    queue, functions = MemoryQueue(), RecordingFunctions(Work=[answer])
    queue.put("a", "b", "c")
    async with polling(queue, functions, mapping(reports_batch_item_failures=True)):
        deleted = await queue.wait_for_deleted(2)

    assert deleted == ["handle-a", "handle-c"]


async def test_reports_count_only_where_the_mapping_asks_for_them() -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "id-b"}]}
    queue, functions = MemoryQueue(), RecordingFunctions(Work=[answer])
    queue.put("a", "b")
    async with polling(queue, functions, mapping()):
        deleted = await queue.wait_for_deleted(2)

    assert deleted == ["handle-a", "handle-b"]


async def test_batches_are_no_larger_than_the_mapping_says() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.put(*map(str, range(7)))
    async with polling(queue, functions, mapping(batch_size=3)):
        await queue.wait_for_deleted(7)

    assert [len(event["Records"]) for event in functions.events["Work"]] == [3, 3, 1]


async def test_a_large_batch_takes_several_receives() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.put(*map(str, range(30)))
    async with polling(queue, functions, mapping(batch_size=25)):
        await queue.wait_for_deleted(30)

    assert [len(event["Records"]) for event in functions.events["Work"]] == [25, 5]


async def test_a_batching_window_gathers_until_the_batch_is_full() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.put("a")
    window = mapping(batch_size=3, batching_window_seconds=300)
    async with polling(queue, functions, window) as poller:
        await queue.wait_for_receives(2)
        assert functions.events == {}

        queue.put("b", "c")
        poller.expect(clock.now_ms())
        await queue.wait_for_deleted(3)

    assert [bodies(event) for event in functions.events["Work"]] == [["a", "b", "c"]]


async def test_a_batching_window_closes_on_what_there_is() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.put("a")
    window = mapping(batch_size=3, batching_window_seconds=1)
    async with polling(queue, functions, window):
        await queue.wait_for_deleted(1)

    assert [bodies(event) for event in functions.events["Work"]] == [["a"]]


async def test_five_batches_run_at_once_when_a_backlog_begins() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    functions.hold = asyncio.Event()
    queue.put(*map(str, range(8)))
    async with polling(queue, functions, mapping(batch_size=1)):
        await functions.wait_until(lambda: functions.running == 5)

        functions.hold.set()
        await queue.wait_for_deleted(8)


async def test_no_more_batches_than_the_maximum_concurrency_run_at_once() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    functions.hold = asyncio.Event()
    queue.put(*map(str, range(6)))
    async with polling(queue, functions, mapping(batch_size=1, maximum_concurrency=2)):
        await functions.wait_for("Work", 2)
        functions.hold.set()

        await queue.wait_for_deleted(6)

    assert functions.most_running == 2


def test_concurrency_grows_by_five_a_second_while_its_limit_is_reached() -> None:
    concurrency = Concurrency(None)
    limits = [concurrency.limit]

    for now in (100.0, 100.1, 101.0, 160.0, 500.0):
        concurrency.grow(now)
        limits.append(concurrency.limit)
    concurrency.reset()

    assert limits == [5, 5, 5, 10, 305, 1000]
    assert concurrency.limit == 5


@pytest.mark.parametrize(("name", "order"), [("jobs", "bac"), ("jobs.fifo", "abc")])
async def test_a_record_that_is_held_comes_behind_the_next_of_a_standard_queue(
    name: str, order: str
) -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.put("a", "b", "c")
    poller = QueuePoller(
        mapping(batch_size=1),
        replace(QUEUE, name=name),
        client=queue,
        functions=functions,
        region="us-east-1",
        poll_seconds=NEVER,
    )
    poller.holds = iter([True, False, False]).__next__

    poller.start()
    events = await functions.wait_for("Work", 3)
    await poller.stop(0)

    assert "".join(each["body"] for event in events for each in event["Records"]) == order


async def test_a_queue_that_is_gone_for_a_while_is_asked_again() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.receive_errors = [ServiceGone("ReceiveMessage"), CallRejected("ReceiveMessage", "X", "")]
    queue.put("a")
    async with polling(queue, functions, mapping(), poll_seconds=0.001):
        assert await queue.wait_for_deleted(1) == ["handle-a"]


async def test_a_delete_that_fails_leaves_the_message_to_come_back() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    queue.delete_errors = [ServiceGone("DeleteMessageBatch")]
    queue.put("a")
    async with polling(queue, functions, mapping()) as poller:
        await functions.wait_for("Work", 1)
        queue.put("b")
        poller.expect(clock.now_ms())

        assert await queue.wait_for_deleted(1) == ["handle-b"]


async def test_a_stop_lets_a_running_batch_finish_and_takes_no_more() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    functions.hold = asyncio.Event()
    queue.put("a")
    async with polling(queue, functions, mapping()) as poller:
        await functions.wait_for("Work", 1)
        receives = queue.receives

        stopping = asyncio.create_task(poller.stop(NEVER))
        queue.put("b")
        poller.expect(clock.now_ms())
        functions.hold.set()
        await stopping

    assert queue.deleted == ["handle-a"]
    assert queue.receives <= receives + 1
    assert len(functions.events["Work"]) == 1


async def test_a_stop_gives_up_on_a_batch_that_takes_too_long() -> None:
    queue, functions = MemoryQueue(), RecordingFunctions()
    functions.hold = asyncio.Event()
    queue.put("a")
    async with polling(queue, functions, mapping()) as poller:
        await functions.wait_for("Work", 1)

        await poller.stop(0)

    assert queue.deleted == []
    assert functions.running == 0

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from cloudpush import accepting, fanout, performing, submitting
from cloudpush.errors import Conflict, HopLimitReached, QueueUnavailable
from cloudpush.model import SHARDS, Delivery, FanOut, MessageState, Receipts, shard_of
from cloudpush.pacing import Budget
from cloudpush.ports import Outcome
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from cloudpush.submitting import Submission
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.model import Inbox
    from cloudpush.outcomes import Report
    from cloudpush.ports import FanOutStep, MessageRecord

PLENTY_MS = 60_000
MESSAGE_ID = a_publication().message_id


class Broadcast:
    """A stage, and the jobs of one publication to all or to many, done until none is left."""

    def __init__(
        self,
        stage: Stage,
        clients: Sequence[str] | None = None,
        *,
        qos: int = 0,
        **options: Any,  # noqa: ANN401 — any option
    ) -> None:
        self.stage = stage
        self.reports: list[Report] = []
        message = accepting.new_message(a_publication(), clients, qos=qos, **options)
        stage.messages.create(message, look_at_ms=stage.clock(), now_ms=stage.clock())
        self.jobs = fanout.first_jobs(message)
        self.first = self.jobs[0]
        self.after_page: Callable[[], object] = lambda: None

    async def do(self, job: FanOut, *remaining_ms: int) -> None:
        left = chain(remaining_ms, repeat(remaining_ms[-1] if remaining_ms else PLENTY_MS))
        await fanout.perform(
            job,
            mailroom=self.stage.mailroom,
            clock=self.stage.clock,
            remaining_ms=lambda: next(left),
            report=self._take,
            pause=self.stage.pause,
        )

    async def do_all(self, *remaining_ms: int) -> list[FanOut]:
        done: list[FanOut] = []
        waiting = [*self.jobs]
        while waiting:
            each = waiting.pop()
            await self.do(each, *remaining_ms)
            done.append(each)
            waiting += [sent for sent in self.stage.fan_outs.jobs if isinstance(sent, FanOut)]
            self.stage.fan_outs.sent.clear()
        return done

    def look_up(self) -> MessageRecord:
        return submitting.look_up(
            MESSAGE_ID, mailroom=self.stage.mailroom, now_ms=self.stage.clock()
        )

    def _take(self, report: Report) -> None:
        self.reports.append(report)
        self.after_page()


def connect_many(stage: Stage, count: int) -> list[str]:
    return [stage.connect(f"client{number}").connection_id for number in range(count)]


def connect_in_shard(stage: Stage, shard: int, count: int) -> list[str]:
    names = (name for name in (f"c{n}" for n in range(600_000)) if shard_of(f"{name}-1") == shard)
    return [stage.connect(next(names)).connection_id for _ in range(count)]


async def test_everybody_gets_it_once() -> None:
    stage = Stage()
    everybody = connect_many(stage, 300)
    broadcast = Broadcast(stage)

    jobs = await broadcast.do_all()

    assert Counter(stage.posted_to) == Counter(everybody)
    assert jobs == [broadcast.first]


async def test_small_shards_are_posted_to_together() -> None:
    stage = Stage()
    connect_many(stage, 300)
    broadcast = Broadcast(stage)

    await broadcast.do_all()

    assert len(broadcast.reports) == SHARDS / fanout.SHARDS_AT_ONCE


async def test_a_large_shard_is_posted_to_page_by_page() -> None:
    stage = Stage()
    names = connect_in_shard(stage, 7, 1000)
    broadcast = Broadcast(stage)

    await broadcast.do_all()

    assert Counter(stage.posted_to) == Counter(names)
    assert max(len(report.sent) for report in broadcast.reports) == fanout.PAGE


async def test_it_is_done_when_the_last_shard_is() -> None:
    stage = Stage({"client1-1": [Outcome.GONE], "client2-1": [Outcome.THROTTLED]})
    connect_many(stage, 300)
    broadcast = Broadcast(stage)
    states: list[MessageState] = [broadcast.look_up().state]
    broadcast.after_page = lambda: states.append(broadcast.look_up().state)

    await broadcast.do_all()

    record = broadcast.look_up()
    counts = {name: n for name, n in msgspec.structs.asdict(record.counts).items() if n}
    assert set(states) == {MessageState.SENDING}
    assert record.state is MessageState.DONE
    assert counts == {"accepted": 300, "sent": 298, "missing": 1, "queued": 1}
    assert record.first_at_ms == record.last_at_ms == {"sent": stage.clock()}


async def test_a_repeated_job_does_nothing() -> None:
    stage = Stage()
    everybody = connect_many(stage, 30)
    broadcast = Broadcast(stage)
    await broadcast.do_all()

    await broadcast.do_all()

    assert Counter(stage.posted_to) == Counter(everybody)


async def test_workers_at_the_same_time_share_the_shards() -> None:
    stage = Stage()
    everybody = connect_many(stage, 600)
    workers = [Broadcast(stage) for _ in range(3)]
    stage.gateway.before_posts = lambda: asyncio.sleep(0)

    await asyncio.gather(*(each.do(each.first) for each in workers))

    assert Counter(stage.posted_to) == Counter(everybody)
    assert all(each.reports for each in workers)


async def test_hands_on_the_rest_before_its_time_is_up_and_loses_and_repeats_nobody() -> None:
    stage = Stage()
    everybody = connect_many(stage, 300) + connect_in_shard(stage, 9, 900)
    broadcast = Broadcast(stage)

    # Each job sees the end of its time after two pages.
    jobs = await broadcast.do_all(PLENTY_MS, PLENTY_MS, fanout.RESERVE_MS - 1)

    assert Counter(stage.posted_to) == Counter(everybody)
    assert len(jobs) > 8
    assert [job.hop for job in jobs] == list(range(1, len(jobs) + 1))
    assert {job.doublings for job in jobs} == {fanout.DOUBLINGS}


async def test_another_goes_on_where_a_worker_died(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    everybody = connect_in_shard(stage, 7, 1000)
    broadcast = Broadcast(stage)
    with monkeypatch.context() as patch:
        patch.setattr(stage.progress, "save", _Dies(stage.progress.save, after=2))
        with pytest.raises(_Died):
            await broadcast.do(broadcast.first)
    served = len(stage.posted_to)
    stage.clock.advance(ms=fanout.LEASE_MS)

    await broadcast.do_all()

    posted = Counter(stage.posted_to)
    repeated = posted.total() - len(everybody)
    assert 0 < served < len(everybody)
    assert set(posted) == set(everybody)
    assert 0 < repeated <= fanout.PAGE
    assert max(posted.values()) == 2


async def test_of_those_that_find_all_held_one_looks_again_when_a_lease_ends() -> None:
    stage = Stage()
    everybody = connect_many(stage, 10)
    broadcast = Broadcast(stage)
    stage.progress.claim(
        broadcast.look_up().message,
        owner="one that died",
        limit=SHARDS,
        lease_ms=7_500,
        now_ms=stage.clock(),
    )
    for _ in range(2):
        await broadcast.do(broadcast.first)
    [sent] = stage.fan_outs.sent
    before = list(stage.posted_to)
    stage.clock.advance(ms=7_500)

    after = await _performed(broadcast, sent.job)

    assert sent == (FanOut(message_id=MESSAGE_ID, doublings=0, hop=2), 8)
    assert before == []
    assert Counter(after) == Counter(everybody)


async def test_a_worker_with_much_to_do_asks_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "DOUBLE_AFTER", 100)
    stage = Stage()
    everybody = connect_many(stage, 3000)
    broadcast = Broadcast(stage)

    jobs = await broadcast.do_all()

    assert Counter(stage.posted_to) == Counter(everybody)
    assert [job.doublings for job in jobs if job.hop == 2] == [0, 1, 2, 3]
    assert len(jobs) == 5  # those that came when nothing was left did not ask for more


async def test_who_helps_begins_with_one_shard_and_takes_more_where_they_are_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    everybody = connect_many(stage, 300)
    broadcast = Broadcast(stage)
    saves = _Notes(stage.progress.save)
    monkeypatch.setattr(stage.progress, "save", saves)
    monkeypatch.setattr(fanout, "SIDE_BY_SIDE", 1)

    await broadcast.do(FanOut(message_id=MESSAGE_ID, doublings=fanout.DOUBLINGS - 1, hop=2))

    assert [len(step.finished) for step in saves.steps[:5]] == [1, 2, 4, 8, 8]
    assert Counter(stage.posted_to) == Counter(everybody)


async def test_few_shards_are_begun_at_a_time_however_many_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "PAGE", 8)
    monkeypatch.setattr(fanout, "DOUBLE_AFTER", 25)
    stage = Stage()
    everybody = connect_many(stage, 4000)
    stage.gateway.before_posts = lambda: asyncio.sleep(0)
    broadcast = Broadcast(stage)
    saves = _Notes(stage.progress.save)
    monkeypatch.setattr(stage.progress, "save", saves)

    most = await _do_side_by_side(broadcast)

    begun: set[int] = set()
    sizes: list[int] = []
    for step in saves.steps:
        begun |= {each.shard for each in (*step.held, *step.released) if each.cursor}
        begun -= {*step.finished}
        sizes.append(len(begun))
    assert Counter(stage.posted_to) == Counter(everybody)
    assert most == fanout.INVOCATIONS
    assert max(sizes) <= fanout.SIDE_BY_SIDE * (fanout.SHARDS_AT_ONCE + fanout.INVOCATIONS)


async def _do_side_by_side(broadcast: Broadcast) -> int:
    """Do each job as soon as it is there; return how many there were at the same time."""
    most = 0
    tasks: set[asyncio.Task[None]] = set()
    waiting = [broadcast.first]
    while waiting or tasks:
        tasks |= {asyncio.create_task(broadcast.do(each)) for each in waiting}
        most = max(most, len(tasks))
        await asyncio.sleep(0)
        tasks = {each for each in tasks if not each.done()}
        waiting = [each for each in broadcast.stage.fan_outs.jobs if isinstance(each, FanOut)]
        broadcast.stage.fan_outs.sent.clear()
    return most


async def test_a_paused_one_stops_and_goes_on_later() -> None:
    stage = Stage()
    everybody = connect_many(stage, 300)
    broadcast = Broadcast(stage)

    def pause() -> None:
        stage.clock.advance(ms=fanout.LOOK_MS)
        submitting.pause(MESSAGE_ID, is_paused=True, mailroom=stage.mailroom, now_ms=stage.clock())
        broadcast.after_page = lambda: None

    broadcast.after_page = pause
    await broadcast.do_all()
    first = list(stage.posted_to)
    state = broadcast.look_up().state
    submitting.pause(MESSAGE_ID, is_paused=False, mailroom=stage.mailroom, now_ms=stage.clock())
    broadcast.jobs = [each for each in stage.fan_outs.jobs if isinstance(each, FanOut)]
    stage.fan_outs.sent.clear()
    await broadcast.do_all()

    assert 0 < len(first) < 300
    assert state is MessageState.PAUSED
    assert broadcast.look_up().state is MessageState.DONE
    assert Counter(stage.posted_to) == Counter(everybody)


async def test_a_cancelled_one_stops_for_good() -> None:
    stage = Stage()
    connect_many(stage, 300)
    broadcast = Broadcast(stage)

    def cancel() -> None:
        stage.clock.advance(ms=fanout.LOOK_MS)
        submitting.cancel(MESSAGE_ID, mailroom=stage.mailroom, now_ms=stage.clock())
        broadcast.after_page = lambda: None

    broadcast.after_page = cancel
    await broadcast.do_all()
    first = list(stage.posted_to)
    await broadcast.do_all()

    assert 0 < len(first) < 300
    assert stage.posted_to == first
    assert broadcast.look_up().state is MessageState.CANCELLED


async def test_what_a_cancelled_one_left_to_be_tried_again_is_not() -> None:
    stage, broadcast = await _stopped_after_a_page_that_failed()
    submitting.cancel(MESSAGE_ID, mailroom=stage.mailroom, now_ms=stage.clock())
    before = list(stage.posted_to)

    await _try_again(stage)

    assert stage.posted_to == before
    assert stage.jobs.sent == []
    assert broadcast.look_up().state is MessageState.CANCELLED


async def test_what_a_paused_one_left_to_be_tried_again_waits_for_it() -> None:
    stage, _ = await _stopped_after_a_page_that_failed()
    before = Counter(stage.posted_to)
    left = stage.jobs.jobs
    await _try_again(stage)
    paused = Counter(stage.posted_to)
    kept = list(stage.jobs.sent)
    submitting.pause(MESSAGE_ID, is_paused=False, mailroom=stage.mailroom, now_ms=stage.clock())

    await _try_again(stage)

    assert paused == before
    assert kept == [(job, performing.PAUSED_SECONDS) for job in left]
    assert Counter(stage.posted_to) == before + before


async def test_what_is_not_tried_again_gets_back_what_it_paid() -> None:
    stage, _ = await _stopped_after_a_page_that_failed()
    ledger = Spending()
    stage.mailroom = replace(stage.mailroom, budget=Budget(store=ledger, posts_per_second=1000))
    paid = [msgspec.structs.replace(each, is_paid=True) for each in _deliveries(stage)]

    await _try_again(stage, paid)

    assert ledger.paid == -len(stage.posted_to)
    assert not any(each.is_paid for each in _deliveries(stage))


async def _stopped_after_a_page_that_failed() -> tuple[Stage, Broadcast]:
    """Return a push that was paused when each post of its first page had failed for now."""
    stage = Stage({f"client{number}-1": [Outcome.UNAVAILABLE] for number in range(300)})
    connect_many(stage, 300)
    broadcast = Broadcast(stage)

    def pause() -> None:
        stage.clock.advance(ms=fanout.LOOK_MS)
        submitting.pause(MESSAGE_ID, is_paused=True, mailroom=stage.mailroom, now_ms=stage.clock())
        broadcast.after_page = lambda: None

    broadcast.after_page = pause
    await broadcast.do_all()
    return stage, broadcast


def _deliveries(stage: Stage) -> list[Delivery]:
    return [each for each in stage.jobs.jobs if isinstance(each, Delivery)]


async def _try_again(stage: Stage, jobs: Sequence[Delivery] | None = None) -> None:
    """Do the jobs of the deliver queue, as it has them by now."""
    waiting = jobs or _deliveries(stage)
    stage.jobs.sent.clear()
    for each in waiting:
        await performing.perform(
            each, mailroom=stage.mailroom, clock=stage.clock, pause=stage.pause
        )


async def test_one_that_is_done_is_not_cancelled() -> None:
    stage = Stage()
    broadcast = Broadcast(stage)
    await broadcast.do_all()

    with pytest.raises(Conflict, match="done"):
        submitting.cancel(MESSAGE_ID, mailroom=stage.mailroom, now_ms=stage.clock())


async def test_a_later_one_begins_when_it_is_due() -> None:
    stage = Stage()
    everybody = connect_many(stage, 30)
    message = accepting.new_message(a_publication(), None, qos=0, due_at_ms=stage.clock() + 60_000)
    await accepting.accept(message, mailroom=stage.mailroom, clock=stage.clock)
    [sent] = stage.fan_outs.sent
    broadcast = Broadcast(stage)
    stage.clock.advance(ms=59_000)
    early = await _performed(broadcast, sent.job)
    stage.clock.advance(ms=1_000)
    late = await _performed(broadcast, sent.job)

    assert sent.delay_seconds == 60
    assert early == []
    assert Counter(late) == Counter(everybody)
    assert [each.delay_seconds for each in stage.fan_outs.sent] == [60, 1]


async def test_it_is_accepted_once_however_often_it_is_sent() -> None:
    stage = Stage()
    everybody = connect_many(stage, 30)
    submission = Submission(publication=a_publication(), clients=None)
    for _ in range(2):
        await submitting.submit(submission, mailroom=stage.mailroom, clock=stage.clock)
    jobs = [each for each in stage.fan_outs.jobs if isinstance(each, FanOut)]
    broadcast = Broadcast(stage)

    for job in jobs:
        await broadcast.do(job)

    assert len(jobs) == 2
    assert Counter(stage.posted_to) == Counter(everybody)


async def test_what_fails_for_now_becomes_jobs_of_the_deliver_queue() -> None:
    stage = Stage({"alice-1": [Outcome.THROTTLED]})
    alice = stage.connect("alice")
    broadcast = Broadcast(stage)

    await broadcast.do_all()

    assert stage.jobs.jobs == [
        Delivery(publication=a_publication(), connections=[alice], attempt=2, is_fanned_out=True)
    ]


async def test_a_rest_that_cannot_be_handed_on_fails_the_job() -> None:
    stage = Stage()
    stage.fan_outs.is_down = True
    broadcast = Broadcast(stage)

    with pytest.raises(QueueUnavailable):
        await broadcast.do(broadcast.first, 1)


async def test_a_chain_that_is_too_long_ends() -> None:
    stage = Stage()
    broadcast = Broadcast(stage)

    await broadcast.do(FanOut(message_id=MESSAGE_ID, hop=fanout.MAX_HOPS))

    with pytest.raises(HopLimitReached):
        await broadcast.do(FanOut(message_id=MESSAGE_ID, hop=fanout.MAX_HOPS + 1))


async def _performed(broadcast: Broadcast, job: object) -> list[str]:
    assert isinstance(job, FanOut)
    await broadcast.do(job)
    return broadcast.stage.posted_to


class _Died(BaseException):
    """A worker was killed."""


class _Dies:
    """A method whose caller dies before one of its calls."""

    def __init__(self, method: Callable[..., frozenset[int]], *, after: int) -> None:
        self._method = method
        self._left = after

    def __call__(self, *args: object, **options: object) -> frozenset[int]:
        if not self._left:
            raise _Died
        self._left -= 1
        return self._method(*args, **options)


class _Notes:
    """A `save` that notes its steps."""

    def __init__(self, method: Callable[..., frozenset[int]]) -> None:
        self._method = method
        self.steps: list[FanOutStep] = []

    def __call__(self, *args: object, step: FanOutStep, **options: object) -> frozenset[int]:
        self.steps.append(step)
        return self._method(*args, step=step, **options)


def the_counts(broadcast: Broadcast) -> dict[str, int]:
    counts = msgspec.structs.asdict(broadcast.look_up().counts)
    return {name: number for name, number in counts.items() if number}


class TestList:
    async def test_every_connection_of_every_target_gets_it_once(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(250)]
        everybody = [stage.connect(name).connection_id for name in names]
        everybody += [stage.connect(name, f"{name}-2").connection_id for name in names[::3]]
        connect_many(Stage(), 10)
        stage.connect("somebody else")
        broadcast = Broadcast(stage, names)

        jobs = await broadcast.do_all()

        assert Counter(stage.posted_to) == Counter(everybody)
        assert len(jobs) == 1

    async def test_each_target_is_counted_once_by_the_best_of_its_connections(self) -> None:
        stage = Stage(
            {
                "both-1": [Outcome.GONE],
                "slow-1": [Outcome.THROTTLED],
                "large-1": [Outcome.TOO_LARGE],
                "closed-1": [Outcome.GONE],
            }
        )
        for name in ("both", "slow", "large", "closed"):
            stage.connect(name)
        stage.connect("both", "both-2")
        broadcast = Broadcast(stage, ["both", "slow", "large", "closed", "away", "not a name"])

        await broadcast.do_all()

        assert the_counts(broadcast) == {
            "accepted": 6,
            "sent": 1,
            "queued": 1,
            "rejected": 1,
            "missing": 3,
        }
        assert broadcast.look_up().state is MessageState.DONE

    async def test_workers_that_died_repeat_at_most_a_page_each(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fanout, "PAGE", 40)
        stage = Stage()
        names = [f"client{number}" for number in range(1000)]
        everybody = [stage.connect(name).connection_id for name in names]
        broadcast = Broadcast(stage, names)
        with monkeypatch.context() as patch:
            patch.setattr(stage.progress, "save", _Dies(stage.progress.save, after=10))
            with pytest.raises(_Died):
                await broadcast.do(broadcast.first)
        served = len(stage.posted_to)
        stage.clock.advance(ms=fanout.LEASE_MS)

        await broadcast.do_all()

        posted = Counter(stage.posted_to)
        assert 10 * 40 < served <= 12 * 40
        assert set(posted) == set(everybody)
        assert 0 < posted.total() - len(everybody) <= 2 * 40

    async def test_a_delayed_push_to_one_is_sent_once_by_two_jobs(self) -> None:
        stage = Stage()
        stage.connect("alice")
        broadcast = Broadcast(stage, ["alice"], due_at_ms=stage.clock() + 1000)
        stage.clock.advance(ms=1000)
        broadcast.jobs = [broadcast.first] * 2

        await broadcast.do_all()

        assert stage.posted_to == ["alice-1"]


class TestKept:
    @pytest.mark.parametrize("is_to_all", [True, False])
    async def test_every_inbox_has_it_once_and_who_is_connected_gets_it(
        self, *, is_to_all: bool
    ) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(150)]
        for name in names:
            stage.inboxes.open(name, epoch="e", now_ms=stage.clock())
        stage.connect("client7")
        broadcast = Broadcast(stage, None if is_to_all else names, qos=1)

        await broadcast.do_all()
        await broadcast.do_all()

        depths = [inbox.depth for name in names if (inbox := inbox_of(stage, name))]
        assert depths == [1] * 150
        assert stage.posted_to == ["client7-1"]
        assert the_counts(broadcast) == {
            "accepted": 150,
            "tracked": 150,
            "queued": 150,
            "sent": 1,
        }
        assert not broadcast.look_up().is_open

    async def test_a_list_is_dealt_out_to_as_many_workers_as_it_has_hundreds(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(1000)]
        for name in names:
            stage.connect(name)
        broadcast = Broadcast(stage, names, qos=1)

        await broadcast.do(broadcast.first, PLENTY_MS, fanout.INBOX_RESERVE_MS - 1)

        assert len(broadcast.jobs) == 10
        assert stage.posted_to == [f"{name}-1" for name in names[:100]]

    async def test_recipients_without_receipts_are_counted_page_by_page(self) -> None:
        stage = Stage()
        for number in range(300):
            stage.inboxes.open(f"client{number}", epoch="e", now_ms=stage.clock())
        broadcast = Broadcast(stage, qos=1, receipts=Receipts.NONE)
        accepted = [0]
        broadcast.after_page = lambda: accepted.append(broadcast.look_up().counts.accepted)

        await broadcast.do_all()

        assert accepted == sorted(accepted)
        assert 0 < accepted[-1] < 300
        assert the_counts(broadcast) == {"accepted": 300}
        assert broadcast.look_up().state is MessageState.DONE

    async def test_one_that_was_cancelled_on_its_way_stops(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(1000)]
        broadcast = Broadcast(stage, names, qos=1)

        def cancel() -> None:
            stage.clock.advance(ms=fanout.LOOK_MS)
            submitting.cancel(MESSAGE_ID, mailroom=stage.mailroom, now_ms=stage.clock())

        broadcast.after_page = cancel
        await broadcast.do_all()

        assert broadcast.look_up().state is MessageState.CANCELLED
        assert sum(inbox_of(stage, name) is not None for name in names) == 100


class TestLifetime:
    """What becomes of those whom a fan-out has not come to when the lifetime is over."""

    async def test_of_qos_0_it_ends_where_it_is(self) -> None:
        stage = Stage()
        connect_many(stage, 300)
        broadcast = Broadcast(stage, ttl_ms=1000)
        broadcast.after_page = lambda: stage.clock.advance(ms=fanout.LOOK_MS)

        await broadcast.do_all()
        first = list(stage.posted_to)
        stage.clock.advance(ms=120_000)
        await broadcast.do_all()

        record = broadcast.look_up()
        assert 0 < len(first) < 300
        assert stage.posted_to == first
        assert record.state is MessageState.DONE
        assert record.progress is not None
        assert 0 < record.progress < 1

    async def test_of_qos_0_one_that_comes_too_late_posts_nothing(self) -> None:
        stage = Stage()
        connect_many(stage, 30)
        broadcast = Broadcast(stage, ttl_ms=1000)
        stage.clock.advance(ms=1000)

        await broadcast.do_all()

        assert stage.posted_to == []
        assert broadcast.look_up().state is MessageState.DONE

    @pytest.mark.parametrize("is_to_all", [True, False])
    async def test_of_qos_1_every_recipient_comes_to_its_end(self, *, is_to_all: bool) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(250)]
        for name in names:
            stage.inboxes.open(name, epoch="e", now_ms=stage.clock())
            stage.connect(name)
        broadcast = Broadcast(stage, None if is_to_all else names, qos=1, ttl_ms=1000)
        broadcast.jobs = [broadcast.first]
        stage.clock.advance(ms=1000)
        broadcast.after_page = lambda: stage.clock.advance(ms=fanout.LOOK_MS)

        await broadcast.do_all()

        assert stage.posted_to == []
        assert the_counts(broadcast) == {
            "accepted": 250,
            "tracked": 250,
            "queued": 250,
            "expired": 250,
        }
        assert broadcast.look_up().state is MessageState.DONE


def inbox_of(stage: Stage, client_id: str) -> Inbox | None:
    return stage.inboxes.get(client_id, now_ms=stage.clock())


class TestBudget:
    def broadcast(self, stage: Stage, rate: int, *, qos: int = 0) -> Broadcast:
        budget = Budget(store=MemoryBudgetStore(), posts_per_second=rate)
        stage.mailroom = replace(stage.mailroom, budget=budget)
        return Broadcast(stage, qos=qos)

    async def test_a_worker_keeps_to_the_rate(self) -> None:
        stage = Stage()
        everybody = connect_many(stage, 3000)
        broadcast = self.broadcast(stage, 1000)
        began_ms = stage.clock()

        await broadcast.do_all()

        seconds = (stage.clock() - began_ms) / 1000
        assert Counter(stage.posted_to) == Counter(everybody)
        assert 2.5 <= seconds <= 3
        assert sum(stage.pauses) == pytest.approx(seconds)

    async def test_what_is_kept_keeps_to_the_rate_too(self) -> None:
        stage = Stage()
        for number in range(1000):
            stage.inboxes.open(f"client{number}", epoch="e", now_ms=stage.clock())
        connect_many(stage, 600)
        broadcast = self.broadcast(stage, 200, qos=1)
        began_ms = stage.clock()

        await broadcast.do_all()

        seconds = (stage.clock() - began_ms) / 1000
        assert len(stage.posted_to) == 600
        assert 2.3 <= seconds <= 3
        assert sum(stage.pauses) == pytest.approx(seconds)

    async def test_it_hands_on_rather_than_wait_for_long(self) -> None:
        stage = Stage()
        connect_many(stage, 300)
        broadcast = self.broadcast(stage, 1)
        await broadcast.do(broadcast.first)

        [sent] = stage.fan_outs.sent

        seconds = len(stage.posted_to)  # of the page that was posted, at one a second
        assert sent == (FanOut(message_id=MESSAGE_ID, doublings=fanout.DOUBLINGS, hop=2), seconds)
        assert len(broadcast.reports) == 1

    async def test_many_that_are_refused_at_once_slow_all_down(self) -> None:
        stage = Stage({f"client{number}-1": [Outcome.THROTTLED] for number in range(500)})
        connect_many(stage, 600)
        broadcast = self.broadcast(stage, 1000)
        began_ms = stage.clock()

        await broadcast.do_all()

        assert stage.clock() - began_ms > 600

    async def test_one_client_that_does_not_read_slows_nobody_down(self) -> None:
        stage = Stage({"client7-1": [Outcome.THROTTLED]})
        connect_many(stage, 600)
        broadcast = self.broadcast(stage, 1000)
        began_ms = stage.clock()

        await broadcast.do_all()

        assert stage.clock() - began_ms < 550

    async def test_what_is_kept_pays_for_what_is_posted(self) -> None:
        stage = Stage()
        for number in range(1000):  # most are away, some have two connections
            stage.inboxes.open(f"client{number}", epoch="e", now_ms=stage.clock())
        connect_many(stage, 300)
        for number in range(0, 300, 3):
            stage.connect(f"client{number}", f"another-{number}")
        spending = Spending()
        stage.mailroom = replace(
            stage.mailroom, budget=Budget(store=spending, posts_per_second=200)
        )
        broadcast = Broadcast(stage, qos=1)

        await broadcast.do_all()

        assert len(stage.posted_to) == 400
        assert spending.paid == 400


class Spending(MemoryBudgetStore):
    """A ledger that adds up what is paid."""

    paid = 0

    def take(self, posts: int, *, longest_wait_ms: int | None = None, **when: int) -> int:
        wait_ms = super().take(posts, longest_wait_ms=longest_wait_ms, **when)
        if longest_wait_ms is None or wait_ms <= longest_wait_ms:
            self.paid += posts
        return wait_ms

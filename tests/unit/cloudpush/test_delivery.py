from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest

from cloudpush import delivery
from cloudpush.delivery import OPENING_PAUSES
from cloudpush.errors import QueueUnavailable
from cloudpush.model import Delivery, Eviction, FanOut, Policy, Welcome
from cloudpush.outcomes import MAX_ATTEMPTS, Report
from cloudpush.ports import Outcome, Post
from cloudpush.protocol import CloseCode, UnaddressedEnvelope, encode_close, encode_connection
from tests.fakes.jobs import Sent
from tests.fakes.push_service import NOON_MS, Stage, a_connection, a_publication

GONE = [Outcome.GONE] * 20
THROTTLED = [Outcome.THROTTLED] * 20


class TestDeliver:
    async def test_each_connection_gets_its_own_envelope(self) -> None:
        stage = Stage()
        alice, bob = stage.connect("alice"), stage.connect("bob")
        publication = a_publication()

        report = await delivery.deliver(
            publication, [alice, bob], outlet=stage.outlet, clock=stage.clock
        )

        envelope = UnaddressedEnvelope(publication)
        assert report == Report(sent=[alice, bob])
        assert stage.gateway.posts == [
            Post("alice-1", envelope.address_to(alice)),
            Post("bob-1", envelope.address_to(bob)),
        ]

    async def test_a_post_that_succeeds_opens_a_pending_connection(self) -> None:
        stage = Stage()
        pending = stage.connect("alice", is_open=False)

        await delivery.deliver(a_publication(), [pending], outlet=stage.outlet, clock=stage.clock)

        assert stage.find("alice-1") == msgspec.structs.replace(pending, is_open=True)

    async def test_a_post_that_succeeds_costs_no_write_where_the_connection_is_open(self) -> None:
        stage = Stage()
        alice = stage.connect("alice")

        await delivery.deliver(a_publication(), [alice], outlet=stage.outlet, clock=stage.clock)

        assert stage.store.calls == []

    async def test_an_open_connection_that_is_gone_is_forgotten_at_once(self) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice", seconds_ago=30)

        report = await delivery.deliver(
            a_publication(), [alice], outlet=stage.outlet, clock=stage.clock
        )

        assert report == Report(sent=[], waiting=[], gone=[alice], dropped=[])
        assert stage.find("alice-1") is None
        assert stage.jobs.sent == []

    @pytest.mark.parametrize(("seconds_ago", "is_open"), [(29, True), (29, False), (3600, False)])
    async def test_a_young_or_pending_connection_that_is_gone_is_tried_again_and_kept(
        self, *, seconds_ago: int, is_open: bool
    ) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice", seconds_ago=seconds_ago, is_open=is_open)
        publication = a_publication()

        report = await delivery.deliver(
            publication, [alice], outlet=stage.outlet, clock=stage.clock
        )

        assert report == Report(sent=[], waiting=[alice], gone=[], dropped=[])
        assert stage.find("alice-1") == alice
        assert stage.jobs.sent == [
            Sent(Delivery(publication=publication, connections=[alice], attempt=2), 1)
        ]

    async def test_a_young_connection_that_disconnected_meanwhile_is_not_tried_again(self) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice", seconds_ago=1)
        stage.store.forget("alice-1", now_ms=stage.clock())

        report = await delivery.deliver(
            a_publication(), [alice], outlet=stage.outlet, clock=stage.clock
        )

        assert report.gone == [alice]
        assert stage.jobs.sent == []

    async def test_what_the_store_knows_by_now_counts_and_not_what_the_job_remembers(self) -> None:
        stage = Stage({"alice-1": GONE})
        remembered = stage.connect("alice", is_open=False)
        stage.store.confirm("alice-1", now_ms=stage.clock())

        report = await delivery.deliver(
            a_publication(), [remembered], outlet=stage.outlet, clock=stage.clock
        )

        assert report.gone == [remembered]

    async def test_only_the_connections_that_failed_for_now_are_tried_again(self) -> None:
        stage = Stage({"b": THROTTLED, "c": GONE, "d": [Outcome.UNAVAILABLE]})
        connections = [stage.connect("client", name) for name in "abcd"]
        publication = a_publication()

        await delivery.deliver(
            publication, connections, attempt=3, outlet=stage.outlet, clock=stage.clock
        )

        assert stage.jobs.sent == [
            Sent(Delivery(publication=publication, connections=[connections[1]], attempt=4), 5),
            Sent(Delivery(publication=publication, connections=[connections[3]], attempt=4), 6),
        ]

    async def test_a_retry_carries_the_same_message_id_and_content(self) -> None:
        stage = Stage({"alice-1": [Outcome.UNAVAILABLE]})
        alice = stage.connect("alice")
        await delivery.deliver(a_publication(), [alice], outlet=stage.outlet, clock=stage.clock)

        await delivery.perform(stage.jobs.jobs[0], outlet=stage.outlet, clock=stage.clock)

        first, second = stage.gateway.posts
        assert first == second

    async def test_what_waits_is_divided_into_jobs_of_a_hundred(self) -> None:
        names = [f"c{number}" for number in range(250)]
        stage = Stage(dict.fromkeys(names, THROTTLED))
        connections = [a_connection("alice", name) for name in names]

        await delivery.deliver(a_publication(), connections, outlet=stage.outlet, clock=stage.clock)

        sizes = [len(job.connections) for job in stage.jobs.jobs if isinstance(job, Delivery)]
        assert sizes == [100, 25, 100, 25]

    async def test_what_failed_together_comes_again_apart(self) -> None:
        names = [f"c{number}" for number in range(400)]
        stage = Stage(dict.fromkeys(names, THROTTLED))
        connections = [a_connection("alice", name) for name in names]

        await delivery.deliver(
            a_publication(), connections, attempt=4, outlet=stage.outlet, clock=stage.clock
        )

        waiting = Counter[int]()
        for sent in stage.jobs.sent:
            assert isinstance(sent.job, Delivery)
            waiting[sent.delay_seconds] += len(sent.job.connections)
        assert sorted(waiting) == list(range(8, 17))
        assert waiting.total() == 400
        assert max(waiting.values()) < 400 / 4

    async def test_the_last_attempt_gives_up(self) -> None:
        stage = Stage({"alice-1": THROTTLED, "bob-1": GONE})
        alice, bob = stage.connect("alice"), stage.connect("bob", seconds_ago=127, is_open=False)

        report = await delivery.deliver(
            a_publication(),
            [alice, bob],
            attempt=MAX_ATTEMPTS,
            outlet=stage.outlet,
            clock=stage.clock,
        )

        assert report == Report(
            sent=[], waiting=[], gone=[bob], dropped=[(alice, Outcome.THROTTLED)], throttled=1
        )
        assert stage.jobs.sent == []
        assert stage.find("bob-1") is None

    @pytest.mark.parametrize("outcome", [Outcome.TOO_LARGE, Outcome.REFUSED])
    async def test_what_would_fail_again_is_given_up_at_once(self, outcome: Outcome) -> None:
        stage = Stage({"alice-1": [outcome]})
        alice = stage.connect("alice")

        report = await delivery.deliver(
            a_publication(), [alice], outlet=stage.outlet, clock=stage.clock
        )

        assert report == Report(sent=[], waiting=[], gone=[], dropped=[(alice, outcome)])
        assert stage.find("alice-1") == alice

    async def test_a_store_that_is_down_does_not_repeat_what_was_delivered(self) -> None:
        stage = Stage({"bob-1": GONE})
        alice, bob = stage.connect("alice", is_open=False), stage.connect("bob")
        stage.store.down = {"confirm", "forget"}

        report = await delivery.deliver(
            a_publication(), [alice, bob], outlet=stage.outlet, clock=stage.clock
        )

        assert (report.sent, report.gone) == ([alice], [bob])

    async def test_a_store_that_is_down_is_no_reason_to_forget_a_young_connection(self) -> None:
        stage = Stage({"alice-1": GONE})
        young = stage.connect("alice", seconds_ago=1)
        stage.store.down = {"get"}

        report = await delivery.deliver(
            a_publication(), [young], outlet=stage.outlet, clock=stage.clock
        )

        assert report.waiting == [young]

    async def test_a_queue_that_is_down_fails_the_call_before_anything_is_forgotten(self) -> None:
        stage = Stage({"alice-1": THROTTLED, "bob-1": GONE})
        alice, bob = stage.connect("alice"), stage.connect("bob")
        stage.jobs.is_down = True

        with pytest.raises(QueueUnavailable):
            await delivery.deliver(
                a_publication(), [alice, bob], outlet=stage.outlet, clock=stage.clock
            )

        assert stage.find("bob-1") == bob


class TestWelcome:
    async def test_says_connection_and_opens(self) -> None:
        stage = Stage()
        alice = stage.connect("alice", seconds_ago=0, is_open=False)

        report = await delivery.perform(
            Welcome(connection=alice), outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert report.sent == [alice]
        assert stage.gateway.posts == [
            Post("alice-1", encode_connection(alice, now_ms=stage.clock()))
        ]
        assert stage.find("alice-1") == msgspec.structs.replace(alice, is_open=True)
        assert stage.pauses == []

    async def test_waits_for_the_socket_in_growing_steps(self) -> None:
        stage = Stage({"alice-1": [Outcome.GONE, Outcome.GONE, Outcome.SENT]})
        alice = stage.connect("alice", seconds_ago=0, is_open=False)

        report = await delivery.welcome(
            Welcome(connection=alice), outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert stage.pauses == [0.01, 0.02]
        assert report.sent == [alice]
        assert stage.jobs.sent == []

    async def test_goes_on_as_a_job_where_the_handshake_takes_longer(self) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice", seconds_ago=0, is_open=False)

        await delivery.welcome(
            Welcome(connection=alice), outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert stage.pauses == list(OPENING_PAUSES)
        assert stage.jobs.sent == [Sent(Welcome(connection=alice, attempt=2), 1)]
        assert stage.find("alice-1") == alice

    async def test_does_not_wait_for_a_client_that_has_gone_again(self) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice", seconds_ago=0, is_open=False)
        stage.store.forget("alice-1", now_ms=stage.clock())

        report = await delivery.welcome(
            Welcome(connection=alice), outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert stage.pauses == []
        assert report.gone == [alice]
        assert stage.jobs.sent == []

    async def test_does_not_wait_where_the_gateway_fails(self) -> None:
        stage = Stage({"alice-1": [Outcome.UNAVAILABLE]})
        alice = stage.connect("alice", seconds_ago=0, is_open=False)

        await delivery.welcome(
            Welcome(connection=alice), outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert stage.pauses == []
        assert stage.jobs.sent == [Sent(Welcome(connection=alice, attempt=2), 1)]

    async def test_is_forgotten_when_it_never_opens(self) -> None:
        stage = Stage({"alice-1": [Outcome.GONE] * 100})
        alice = stage.connect("alice", seconds_ago=0, is_open=False)
        job = Welcome(connection=alice, attempt=MAX_ATTEMPTS)

        report = await delivery.welcome(
            job, outlet=stage.outlet, clock=stage.clock, pause=stage.pause
        )

        assert report.gone == [alice]
        assert stage.jobs.sent == []


class TestClose:
    async def test_tells_then_deletes_then_forgets(self) -> None:
        stage = Stage()
        alice = stage.connect("alice")

        report = await delivery.close(
            [alice], CloseCode.STALE, outlet=stage.outlet, clock=stage.clock
        )

        assert report.sent == [alice]
        assert stage.gateway.posts == [
            Post("alice-1", encode_close(alice, CloseCode.STALE, now_ms=NOON_MS))
        ]
        assert stage.gateway.deleted == ["alice-1"]
        assert stage.find("alice-1") is None

    async def test_one_that_is_closed_already_is_only_forgotten(self) -> None:
        stage = Stage({"alice-1": GONE})
        alice = stage.connect("alice")

        report = await delivery.close(
            [alice], CloseCode.STALE, outlet=stage.outlet, clock=stage.clock
        )

        assert report.gone == [alice]
        assert stage.gateway.deleted == []
        assert stage.find("alice-1") is None

    async def test_one_that_closes_between_the_two_is_closed_as_wanted(self) -> None:
        stage = Stage(deletions={"alice-1": GONE})
        alice = stage.connect("alice")

        report = await delivery.close(
            [alice], CloseCode.STALE, outlet=stage.outlet, clock=stage.clock
        )

        assert report.sent == [alice]

    async def test_one_that_has_not_opened_yet_is_closed_when_it_has(self) -> None:
        stage = Stage({"A": [Outcome.GONE]})
        loser = a_connection("alice", "A")
        job = Eviction(connection=loser, close_code=4101)

        await delivery.perform(job, outlet=stage.outlet, clock=stage.clock)
        [again] = stage.jobs.sent
        await delivery.perform(again.job, outlet=stage.outlet, clock=stage.clock)

        assert again == Sent(msgspec.structs.replace(job, attempt=2), 1)
        assert stage.gateway.deleted == ["A"]
        assert json.loads(stage.gateway.posts[-1].data)["closeCode"] == 4101

    @pytest.mark.parametrize("fails", ["post", "delete"])
    async def test_is_tried_again_until_it_is_deleted(self, fails: str) -> None:
        outcomes = {"alice-1": [Outcome.UNAVAILABLE]}
        stage = Stage(outcomes) if fails == "post" else Stage(deletions=outcomes)
        alice = stage.connect("alice")

        report = await delivery.close(
            [alice], CloseCode.STALE, attempt=2, outlet=stage.outlet, clock=stage.clock
        )

        assert report.waiting == [alice]
        assert stage.jobs.sent == [Sent(Eviction(connection=alice, close_code=4201, attempt=3), 2)]

    async def test_the_last_attempt_deletes_one_that_does_not_read(self) -> None:
        stage = Stage({"alice-1": THROTTLED})
        alice = stage.connect("alice")

        report = await delivery.close(
            [alice], CloseCode.STALE, attempt=MAX_ATTEMPTS, outlet=stage.outlet, clock=stage.clock
        )

        assert report.sent == [alice]
        assert stage.gateway.deleted == ["alice-1"]


async def test_a_job_for_another_queue_is_refused() -> None:
    stage = Stage()

    with pytest.raises(ValueError, match="FanOut"):
        await delivery.perform(FanOut(message_id="m"), outlet=stage.outlet, clock=stage.clock)


def test_delays_double_and_stay_within_what_a_queue_can_wait() -> None:
    delays = [delivery.delay_seconds(attempt) for attempt in range(1, MAX_ATTEMPTS)]

    assert delays == [1, 2, 4, 8, 16, 32, 64]


async def test_closing_an_older_connection_leaves_the_newer_one_of_the_client() -> None:
    # Java defect: a reconnect elsewhere is deleted by the first node's sweep.
    stage = Stage()
    older = stage.admit(a_connection("alice", "A"), Policy.SINGLE)
    newer = stage.admit(a_connection("alice", "B", connected_at_ms=NOON_MS + 1), Policy.SINGLE)

    await delivery.close([older], CloseCode.REPLACED, outlet=stage.outlet, clock=stage.clock)

    assert stage.store.resolve(["alice"], now_ms=stage.clock()) == {"alice": (newer,)}

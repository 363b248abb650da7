from __future__ import annotations

import pytest

from cloudpush import fanout, protocol, publishing
from cloudpush.errors import (
    CloudpushError,
    GatewayRefused,
    NoTarget,
    PayloadTooLarge,
    QueueUnavailable,
    StoreUnavailable,
    TooManyTargets,
)
from cloudpush.model import FanOut
from cloudpush.ports import Outcome
from tests.fakes.push_service import Stage, a_publication


class TestPublish:
    async def test_reaches_every_connection_of_every_target(self) -> None:
        stage = Stage()
        stage.connect("alice", "A1")
        stage.connect("alice", "A2", seconds_ago=50)
        stage.connect("bob", "B")
        stage.connect("carol", "C")

        published = await publishing.publish(
            a_publication(), ["bob", "alice"], mailroom=stage.mailroom, clock=stage.clock
        )

        assert stage.posted_to == ["B", "A1", "A2"]
        assert published.missing == []

    async def test_a_target_named_twice_gets_it_once(self) -> None:
        stage = Stage()
        stage.connect("alice", "A")

        published = await publishing.publish(
            a_publication(),
            ["alice", "nobody", "alice", "nobody"],
            mailroom=stage.mailroom,
            clock=stage.clock,
        )

        assert stage.posted_to == ["A"]
        assert published.missing == ["nobody"]

    async def test_missing_are_those_without_a_connection_in_the_senders_order(self) -> None:
        stage = Stage()
        stage.connect("alice")

        published = await publishing.publish(
            a_publication(), ["zoe", "alice", "bob"], mailroom=stage.mailroom, clock=stage.clock
        )

        assert published.missing == ["zoe", "bob"]

    async def test_an_id_that_no_client_can_have_is_missing_and_costs_the_others_nothing(
        self,
    ) -> None:
        stage = Stage()
        stage.connect("alice")

        published = await publishing.publish(
            a_publication(),
            ["a b", "", "x" * 129, "alice"],
            mailroom=stage.mailroom,
            clock=stage.clock,
        )

        assert published.missing == ["a b", "", "x" * 129]
        assert stage.posted_to == ["alice-1"]

    async def test_an_id_that_is_too_long_to_be_kept_costs_the_others_nothing(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(101)]
        for name in names:
            stage.connect(name)

        published = await publishing.publish(
            a_publication(),
            ["x" * 129, "a b", *names],
            mailroom=stage.mailroom,
            clock=stage.clock,
        )

        record = stage.messages.get(a_publication().message_id, now_ms=stage.clock())
        assert published.missing == ["x" * 129, "a b"]
        assert record is not None
        assert record.message.clients == ["a b", *names]

    async def test_a_client_whose_only_connection_turns_out_closed_is_missing(self) -> None:
        stage = Stage({"alice-1": [Outcome.GONE]})
        stage.connect("alice")

        published = await publishing.publish(
            a_publication(), ["alice"], mailroom=stage.mailroom, clock=stage.clock
        )

        assert published.missing == ["alice"]

    @pytest.mark.parametrize("other", [Outcome.SENT, Outcome.THROTTLED, Outcome.TOO_LARGE])
    async def test_a_client_with_another_connection_is_not_missing(self, other: Outcome) -> None:
        stage = Stage({"A1": [Outcome.GONE], "A2": [other]})
        stage.connect("alice", "A1")
        stage.connect("alice", "A2", seconds_ago=50)

        published = await publishing.publish(
            a_publication(), ["alice"], mailroom=stage.mailroom, clock=stage.clock
        )

        assert published.missing == []

    async def test_a_client_that_is_about_to_open_is_not_missing(self) -> None:
        stage = Stage({"alice-1": [Outcome.GONE]})
        stage.connect("alice", seconds_ago=1, is_open=False)

        published = await publishing.publish(
            a_publication(), ["alice"], mailroom=stage.mailroom, clock=stage.clock
        )

        assert published.missing == []

    async def test_posts_to_a_hundred_at_once(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(100)]
        connections = [stage.connect(name) for name in names]

        await publishing.publish(a_publication(), names, mailroom=stage.mailroom, clock=stage.clock)

        assert stage.posted_to == [each.connection_id for each in connections]
        assert stage.fan_outs.jobs == []

    async def test_to_more_it_is_kept_and_fanned_out(self) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(101)]
        for name in names:
            stage.connect(name)
        publication = a_publication()

        published = await publishing.publish(
            publication, [*names, "nobody"], mailroom=stage.mailroom, clock=stage.clock
        )

        record = stage.messages.get(publication.message_id, now_ms=stage.clock())
        assert record is not None
        assert record.message.clients == [*names, "nobody"]
        assert stage.fan_outs.jobs == [
            FanOut(message_id=publication.message_id, doublings=fanout.DOUBLINGS)
        ]
        assert (stage.posted_to, published.missing) == ([], ["nobody"])

    async def test_looks_at_the_store_once_for_all_targets(self) -> None:
        # Java defect: KEYS on every send.
        stage = Stage()
        names = [f"client{number}" for number in range(100)]
        for name in names:
            stage.connect(name)

        await publishing.publish(a_publication(), names, mailroom=stage.mailroom, clock=stage.clock)

        assert stage.store.calls == ["resolve"]

    async def test_takes_a_thousand_targets_and_no_more_before_duplicates_are_dropped(self) -> None:
        stage = Stage()
        stage.connect("alice")

        published = await publishing.publish(
            a_publication(), ["alice"] * 1000, mailroom=stage.mailroom, clock=stage.clock
        )

        assert published.missing == []
        with pytest.raises(TooManyTargets, match="1001 targets; 1000 are allowed"):
            await publishing.publish(
                a_publication(), ["alice"] * 1001, mailroom=stage.mailroom, clock=stage.clock
            )

    async def test_without_a_target_there_is_nothing_to_do(self) -> None:
        stage = Stage()

        with pytest.raises(NoTarget):
            await publishing.publish(
                a_publication(), [], mailroom=stage.mailroom, clock=stage.clock
            )

    async def test_too_large_an_envelope_is_refused_before_anything_happens(self) -> None:
        stage = Stage()
        stage.connect("alice")
        publication = a_publication({"s": "x" * protocol.ENVELOPE_LIMIT})

        with pytest.raises(PayloadTooLarge):
            await publishing.publish(
                publication, ["alice"], mailroom=stage.mailroom, clock=stage.clock
            )

        assert (stage.store.calls, stage.gateway.posts) == ([], [])

    @pytest.mark.parametrize(
        ("down", "error"), [("store", StoreUnavailable), ("queue", QueueUnavailable)]
    )
    async def test_a_failure_before_the_posts_leaves_nobody_with_a_copy(
        self, down: str, error: type[CloudpushError]
    ) -> None:
        stage = Stage()
        names = [f"client{number}" for number in range(101)]
        for name in names:
            stage.connect(name)
        stage.fan_outs.is_down = down == "queue"
        stage.store.down = {"resolve"} if down == "store" else set()

        with pytest.raises(error):
            await publishing.publish(
                a_publication(), names, mailroom=stage.mailroom, clock=stage.clock
            )

        assert stage.gateway.posts == []

    async def test_a_gateway_that_refuses_the_service_is_an_error_and_not_a_success(self) -> None:
        stage = Stage({"alice-1": [Outcome.REFUSED], "bob-1": [Outcome.REFUSED]})
        stage.connect("alice")
        stage.connect("bob")

        with pytest.raises(GatewayRefused):
            await publishing.publish(
                a_publication(), ["alice", "bob"], mailroom=stage.mailroom, clock=stage.clock
            )

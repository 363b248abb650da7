from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from cloudpush import accepting, draining, greeting, inbox, publishing, sweeping
from cloudpush.errors import InvalidMessage, PayloadTooLarge, QueueUnavailable
from cloudpush.model import (
    Drain,
    Expansion,
    MessageState,
    Position,
    Receipts,
    ReceiptState,
    Welcome,
)
from cloudpush.ports import Outcome
from cloudpush.stores import inbox_rules
from tests.fakes.jobs import Sent
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Message, Notice
    from cloudpush.ports import MessageRecord

MESSAGE_ID = a_publication().message_id


async def push(stage: Stage, *client_ids: str, **options: Any) -> accepting.Accepted:  # noqa: ANN401 — any option
    message = accepting.new_message(a_publication(), client_ids, **options)
    return await accepting.accept(message, mailroom=stage.mailroom, clock=stage.clock)


async def drain(stage: Stage, client_id: str = "alice") -> None:
    await draining.drain([client_id], mailroom=stage.mailroom, clock=stage.clock)


def record_of(stage: Stage) -> MessageRecord:
    found = stage.messages.get(MESSAGE_ID, now_ms=stage.clock())
    assert found is not None
    return found


def state_of(stage: Stage) -> ReceiptState:
    [receipt] = stage.messages.read_receipts(MESSAGE_ID, now_ms=stage.clock()).receipts
    return receipt.state


def posted(stage: Stage) -> Sequence[dict[str, Any]]:
    return [json.loads(each.data) for each in stage.gateway.posts]


def acknowledge(stage: Stage, seq: int) -> None:
    inbox.acknowledge("alice", through_seq=seq, mailroom=stage.mailroom, now_ms=stage.clock())


async def test_a_message_is_sent_recorded_and_looked_after() -> None:
    stage = Stage()
    stage.connect("alice")

    accepted = await push(stage, "alice")

    [envelope] = posted(stage)
    assert (envelope["seq"], envelope["after"], envelope["qos"]) == (1, 0, 1)
    assert (accepted.missing, accepted.offline) == ([], [])
    assert state_of(stage) is ReceiptState.SENT
    assert [(each.job, each.delay_seconds) for each in stage.jobs.sent] == [
        (Drain(client_ids=["alice"]), 3)
    ]


async def test_an_acknowledgement_ends_it() -> None:
    stage = Stage()
    stage.connect("alice")
    await push(stage, "alice")

    acknowledge(stage, 1)
    stage.clock.advance(ms=3000)
    await drain(stage)

    assert len(stage.gateway.posts) == 1
    assert record_of(stage).state is MessageState.DONE
    assert record_of(stage).counts.delivered == 1


def told(stage: Stage) -> list[tuple[str, str]]:
    return [
        (receipt.client_id, receipt.state.name)
        for job in stage.notices.jobs
        for receipt in cast("Notice", job).receipts
    ]


async def test_ends_are_told_and_what_comes_before_is_not() -> None:
    stage = Stage(tells_receipts=True)
    stage.connect("alice")
    await push(stage, "alice", "bob", "no such id", ttl_ms=5000)
    before = told(stage)

    acknowledge(stage, 1)
    stage.clock.advance(ms=5000)
    await drain(stage, "bob")

    assert before == [("no such id", "MISSING")]
    assert told(stage)[1:] == [("alice", "DELIVERED"), ("bob", "EXPIRED")]


async def test_without_receipts_nobody_is_told() -> None:
    stage = Stage(tells_receipts=True)
    stage.connect("alice")

    await push(stage, "alice", "no such id", receipts=Receipts.NONE)
    acknowledge(stage, 1)

    assert told(stage) == []


async def test_an_end_that_could_not_be_told_is_met_again() -> None:
    stage = Stage(tells_receipts=True)
    stage.connect("alice")
    await push(stage, "alice", ttl_ms=5000)
    stage.notices.is_down = True
    with pytest.raises(QueueUnavailable):
        acknowledge(stage, 1)
    stage.notices.is_down = False

    stage.clock.advance(ms=5000)
    await drain(stage, "alice")

    assert state_of(stage) is ReceiptState.DELIVERED
    assert told(stage) == [("alice", "DELIVERED")]
    assert stage.inboxes.read_entries("alice", now_ms=stage.clock()) == []


async def test_what_was_rejected_is_not_taken_when_its_putting_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(tells_receipts=True)
    monkeypatch.setattr(inbox_rules, "INBOX_DEPTH", 0)
    await push(stage, "alice")
    message = record_of(stage).message
    monkeypatch.undo()

    inbox.put(message, ["alice"], mailroom=stage.mailroom, now_ms=stage.clock())

    assert state_of(stage) is ReceiptState.REJECTED
    assert stage.inboxes.read_entries("alice", now_ms=stage.clock()) == []
    assert record_of(stage).counts.rejected == 1
    # Who put it first may have died before he told its sender.
    assert told(stage) == [("alice", "REJECTED")] * 2


async def test_who_is_away_is_offline_and_not_missing() -> None:
    stage = Stage()
    stage.connect("bob")

    accepted = await push(stage, "alice", "bob", "no such id")

    assert (accepted.missing, accepted.offline) == (["no such id"], ["alice"])
    assert record_of(stage).counts.queued == 2
    assert record_of(stage).counts.missing == 1


async def test_a_pending_connection_is_left_to_its_welcome() -> None:
    stage = Stage()
    connection = stage.connect("alice", is_open=False, seconds_ago=0)
    await push(stage, "alice")
    assert posted(stage) == []

    await greeting.greet(
        Welcome(connection=connection),
        mailroom=stage.mailroom,
        clock=stage.clock,
        pause=stage.pause,
    )

    hello, message = posted(stage)
    assert [hello[each] for each in ("msgType", "seq", "after", "resumed")] == [0, 1, 0, False]
    assert (message["msgType"], message["seq"]) == (1, 1)


async def test_a_push_of_qos_0_that_opens_a_connection_leaves_no_inbox_waiting() -> None:
    stage = Stage()
    stage.connect("alice", is_open=False, seconds_ago=0)
    await push(stage, "alice")

    await publishing.publish(a_publication(), ["alice"], mailroom=stage.mailroom, clock=stage.clock)

    opened = stage.find("alice-1")
    assert opened is not None
    assert opened.is_open
    assert stage.jobs.sent == [Sent(Drain(client_ids=["alice"]), delay_seconds=1)]


async def test_a_connection_whose_inbox_nobody_would_look_after_stays_pending() -> None:
    stage = Stage()
    stage.connect("alice", is_open=False, seconds_ago=0)
    stage.jobs.is_down = True

    published = await publishing.publish(
        a_publication(), ["alice"], mailroom=stage.mailroom, clock=stage.clock
    )

    pending = stage.find("alice-1")
    assert [each.connection_id for each in published.report.sent] == ["alice-1"]
    assert pending is not None
    assert not pending.is_open


async def test_every_connection_of_a_client_gets_it() -> None:
    stage = Stage()
    stage.connect("alice", "alice-1")
    stage.connect("alice", "alice-2")

    await push(stage, "alice")

    assert stage.posted_to == ["alice-1", "alice-2"]


async def test_a_client_that_acknowledges_nothing_is_closed_and_its_inbox_waits() -> None:
    stage = Stage()
    stage.connect("alice")
    await push(stage, "alice")
    seconds: list[int] = []
    while not stage.gateway.deleted:
        seconds.append(stage.jobs.sent[-1].delay_seconds)
        stage.clock.advance(ms=seconds[-1] * 1000)
        await drain(stage)

    closing = posted(stage)[-1]
    row = stage.inboxes.get("alice", now_ms=stage.clock())
    assert [each["msgType"] for each in posted(stage)] == [1] * 6 + [15]
    assert (closing["closeCode"], closing["reconnect"]) == (4202, True)
    assert seconds[0] == 3
    assert all(low <= s <= high for s, (low, high) in zip(seconds, WAITS, strict=True))
    assert row is not None
    assert (row.depth, row.resend_at_ms, row.owner) == (1, 0, "")


WAITS = [(3, 3), (5, 7), (10, 14), (20, 28), (39, 57), (39, 57)]


async def test_what_expires_unseen_ends_in_a_receipt() -> None:
    stage = Stage()

    await push(stage, "alice", ttl_ms=1000)
    stage.clock.advance(ms=1000)
    await drain(stage)

    assert state_of(stage) is ReceiptState.EXPIRED
    assert record_of(stage).state is MessageState.DONE
    assert stage.inboxes.read_entries("alice", now_ms=stage.clock()) == []


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.UNAVAILABLE])
async def test_a_post_that_fails_is_made_again_in_order(outcome: Outcome) -> None:
    stage = Stage({"alice-1": [outcome]})
    stage.connect("alice")
    await push(stage, "alice")
    assert state_of(stage) is ReceiptState.QUEUED

    stage.clock.advance(ms=3000)
    await drain(stage)

    assert [each["seq"] for each in posted(stage)] == [1, 1]
    assert state_of(stage) is ReceiptState.SENT


async def test_a_connection_that_is_gone_is_forgotten_and_nobody_is_bothered_again() -> None:
    stage = Stage({"alice-1": [Outcome.GONE]})
    stage.connect("alice")

    await push(stage, "alice")

    assert stage.find("alice-1") is None
    assert stage.jobs.sent == []


@pytest.mark.parametrize(
    ("seq", "is_resumed", "after", "lost"),
    [(2, True, 2, None), (3, True, 3, None), (1, False, 2, (2, 2)), (9, False, 2, None)],
)
async def test_continuity_is_proven_or_the_loss_is_named(
    seq: int, *, is_resumed: bool, after: int, lost: tuple[int, int] | None
) -> None:
    stage = Stage()
    for number in range(4):
        stage.inboxes.append(
            ["alice"],
            msgspec.structs.replace(a_publication(), message_id=f"m{number}"),
            tracked=[False],
            expires_at_ms=stage.clock() + 60_000,
            epoch="e1",
            now_ms=stage.clock(),
        )
    stage.inboxes.claim(["alice"], owner="w", lease_ms=1, now_ms=stage.clock())
    acknowledge(stage, 2)

    answer = inbox.resume(
        "alice", Position("e1", seq), mailroom=stage.mailroom, now_ms=stage.clock()
    )

    assert (answer.is_resumed, answer.after, answer.lost) == (is_resumed, after, lost)
    assert (answer.epoch, answer.last_seq) == ("e1", 4)


async def test_an_expansion_that_died_is_handed_over_again() -> None:
    stage = Stage()
    message = accepting.new_message(a_publication(), ["alice"])
    stage.messages.create(message, look_at_ms=stage.clock() + 120_000, now_ms=stage.clock())

    stage.clock.advance(ms=60_000)
    found = sweeping.hand_over_messages(
        mailroom=stage.mailroom, clock=stage.clock, remaining_ms=lambda: 60_000
    )

    assert found == 1
    assert stage.fan_outs.jobs == [Expansion(message_id=MESSAGE_ID)]


async def test_an_inbox_whose_writer_died_is_looked_after() -> None:
    stage = Stage()
    stage.connect("alice")
    await push(stage, "alice")
    stage.jobs.sent.clear()

    stage.clock.advance(ms=14_000)
    found = sweeping.look_after_inboxes(
        mailroom=stage.mailroom, clock=stage.clock, remaining_ms=lambda: 60_000
    )

    assert found == 1
    assert stage.jobs.jobs == [Drain(client_ids=["alice"])]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ttl_ms": 999}, InvalidMessage),
        ({"ttl_ms": 7 * 24 * 3_600_000 + 1}, InvalidMessage),
        ({"due_at_ms": a_publication().accepted_at_ms + 30 * 24 * 3_600_000 + 1}, InvalidMessage),
    ],
)
def test_limits_are_told(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        accepting.new_message(a_publication(), ["alice"], **options)


def test_what_is_kept_is_kept_under_ids_of_bounded_length() -> None:
    with pytest.raises(InvalidMessage, match="at most 128 characters"):
        accepting.new_message(a_publication(), ["alice", "x" * 129])


def test_the_envelope_has_room_for_its_place_in_the_inbox() -> None:
    with pytest.raises(PayloadTooLarge):
        accepting.new_message(a_publication({"pad": "x" * 122_560}), ["alice"])


def test_of_few_targets_a_sample_is_all() -> None:
    few: Message = accepting.new_message(a_publication(), ["a"], receipts=Receipts.SAMPLE)
    many: Message = accepting.new_message(
        a_publication(), [f"c{n}" for n in range(1000)], receipts=Receipts.SAMPLE
    )

    assert few.is_tracked("a")
    assert 1 <= sum(map(many.is_tracked, many.clients or ())) <= 40

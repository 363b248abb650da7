"""What every `MessageStore` promises, clause by clause (see `cloudpush.ports`)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from cloudpush.model import (
    RECORD_LIFETIME_MS,
    Counts,
    Listing,
    MessageState,
    Place,
    Receipt,
    Receipts,
    ReceiptState,
    shard_of,
)
from cloudpush.ports import DueMessage, DuePage, MessageRecord, Recorded
from tests.contract.connection_stores import T0
from tests.contract.kept_stores import HOUR_MS, a_message, a_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import MessageStore
    from tests.contract.connection_stores import Harness
    from tests.contract.kept_stores import Kept

QUEUED, SENT, DELIVERED, EXPIRED, REJECTED, MISSING = ReceiptState


@pytest.fixture
def messages(kept: Kept) -> MessageStore:
    return kept.messages


def record_of(messages: MessageStore, message_id: str = "m1", *, now_ms: int = T0) -> MessageRecord:
    found = messages.get(message_id, now_ms=now_ms)
    assert found is not None
    return found


def due_in(messages: MessageStore, message_id: str = "m1", *, before_ms: int) -> list[DueMessage]:
    [page] = messages.read_due([Place(shard=shard_of(message_id))], due_before_ms=before_ms)
    return list(page.due)


def news_of(recorded: Sequence[Recorded | None]) -> list[bool | None]:
    return [each and each.is_news for each in recorded]


def states_of(recorded: Sequence[Recorded | None]) -> list[ReceiptState | None]:
    return [each and each.receipt.state for each in recorded]


# ── records ──────────────────────────────────────────────────────────────────────────────────────


def test_a_record_is_what_was_created(messages: MessageStore) -> None:
    message = a_message(clients=["alice", "bob"])

    assert messages.create(message, look_at_ms=T0 + 60_000, now_ms=T0)

    assert record_of(messages) == MessageRecord(
        message=message,
        stage=MessageState.SENDING,
        is_open=True,
        counts=Counts(accepted=2, tracked=2),
        first_at_ms={},
        last_at_ms={},
    )


def test_an_unknown_message_has_no_record(messages: MessageStore) -> None:
    assert messages.get("m1", now_ms=T0) is None
    assert messages.begin("m1", now_ms=T0) is None
    assert messages.cancel("m1", now_ms=T0) is None
    assert messages.set_paused("m1", is_paused=True, now_ms=T0) is None
    assert not messages.finish("m1", now_ms=T0)
    assert messages.read_receipts("m1", now_ms=T0).receipts == ()
    assert messages.record([a_receipt(QUEUED)], now_ms=T0) == [None]


def test_creating_again_changes_nothing(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    messages.finish("m1", now_ms=T0)
    before = record_of(messages)

    assert not messages.create(a_message(clients=["eve"]), look_at_ms=T0, now_ms=T0)
    assert record_of(messages) == before
    assert due_in(messages, before_ms=T0 + 1) == []


def test_a_record_is_over_a_day_after_its_message(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    last_ms = T0 + HOUR_MS + RECORD_LIFETIME_MS

    assert messages.get("m1", now_ms=last_ms - 1) is not None
    assert messages.get("m1", now_ms=last_ms) is None
    assert messages.record([a_receipt(QUEUED)], now_ms=last_ms) == [None]


# ── stages ───────────────────────────────────────────────────────────────────────────────────────


def test_a_message_for_later_is_scheduled_until_it_is_begun(messages: MessageStore) -> None:
    messages.create(a_message(due_at_ms=T0 + 5000), look_at_ms=T0 + 5000, now_ms=T0)

    early = messages.begin("m1", now_ms=T0 + 4999)
    due = messages.begin("m1", now_ms=T0 + 5000)

    assert early is not None
    assert early.state is MessageState.SCHEDULED
    assert due is not None
    assert due.state is MessageState.SENDING


def test_a_cancelled_message_never_begins(messages: MessageStore) -> None:
    messages.create(a_message(due_at_ms=T0 + 5000), look_at_ms=T0 + 5000, now_ms=T0)

    cancelled = messages.cancel("m1", now_ms=T0 + 1)
    begun = messages.begin("m1", now_ms=T0 + 5000)
    repeated = messages.cancel("m1", now_ms=T0 + 6000)

    assert cancelled is not None
    assert begun is not None
    assert repeated is not None
    states = [cancelled.state, begun.state, repeated.state]
    assert states == [MessageState.CANCELLED] * 3
    assert due_in(messages, before_ms=T0 + 6000) == []


def test_a_message_that_began_is_not_cancelled(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    answer = messages.cancel("m1", now_ms=T0)

    assert answer is not None
    assert answer.state is MessageState.SENDING


@pytest.mark.parametrize("qos", [0, 1])
def test_a_fan_out_is_cancelled_until_it_is_finished(messages: MessageStore, qos: int) -> None:
    for message_id in ("m1", "m2", "m3"):
        message = a_message(message_id, is_to_all=True, qos=qos)
        messages.create(message, look_at_ms=T0, now_ms=T0)
    messages.set_paused("m2", is_paused=True, now_ms=T0)
    messages.finish("m3", now_ms=T0)

    answers = [messages.cancel(each, now_ms=T0) for each in ("m1", "m2", "m3")]

    states = [None if each is None else each.state for each in answers]
    assert states == [MessageState.CANCELLED, MessageState.CANCELLED, MessageState.DONE]
    assert due_in(messages, "m1", before_ms=T0 + 1) == []
    assert due_in(messages, "m2", before_ms=T0 + 1) == []


def test_the_stage_alone_follows_the_message(messages: MessageStore) -> None:
    message = a_message(due_at_ms=T0 + 5000)
    messages.create(message, look_at_ms=T0, now_ms=T0)
    stages = [messages.read_stage("m1", now_ms=T0)]
    messages.begin("m1", now_ms=T0 + 5000)
    stages.append(messages.read_stage("m1", now_ms=T0 + 5000))
    messages.set_paused("m1", is_paused=True, now_ms=T0 + 5000)
    stages.append(messages.read_stage("m1", now_ms=T0 + 5000))

    over = messages.read_stage("m1", now_ms=message.expires_at_ms + RECORD_LIFETIME_MS)

    assert stages == [MessageState.SCHEDULED, MessageState.SENDING, MessageState.PAUSED]
    assert (over, messages.read_stage("m2", now_ms=T0)) == (None, None)


def test_a_message_is_paused_and_goes_on(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0 + 60_000, now_ms=T0)

    paused = messages.set_paused("m1", is_paused=True, now_ms=T0)
    again = messages.set_paused("m1", is_paused=True, now_ms=T0)
    resumed = messages.set_paused("m1", is_paused=False, now_ms=T0 + 7)

    assert paused is not None
    assert again is not None
    assert resumed is not None
    assert [each.state for each in (paused, again, resumed)] == [
        MessageState.PAUSED,
        MessageState.PAUSED,
        MessageState.SENDING,
    ]
    assert due_in(messages, before_ms=T0 + 8) == [DueMessage(message_id="m1", look_at_ms=T0 + 7)]


def test_what_every_target_has_is_not_paused(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    messages.finish("m1", now_ms=T0)

    answer = messages.set_paused("m1", is_paused=True, now_ms=T0)

    assert answer is not None
    assert (answer.stage, answer.is_open) == (MessageState.SENDING, False)


def test_what_was_finished_while_it_was_paused_goes_on(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    messages.set_paused("m1", is_paused=True, now_ms=T0)
    messages.finish("m1", now_ms=T0)

    answer = messages.set_paused("m1", is_paused=False, now_ms=T0)

    assert answer is not None
    assert (answer.stage, answer.is_open) == (MessageState.SENDING, False)
    assert due_in(messages, before_ms=T0 + 1) == []


def test_it_is_done_when_it_is_finished_and_its_tracked_recipients_are(
    messages: MessageStore,
) -> None:
    messages.create(a_message(clients=["alice", "bob"]), look_at_ms=T0, now_ms=T0)
    states: list[MessageState] = []
    for receipt in (a_receipt(DELIVERED), a_receipt(EXPIRED, "bob")):
        messages.record([receipt], now_ms=T0)
        states.append(record_of(messages).state)
    messages.finish("m1", now_ms=T0)
    states.append(record_of(messages).state)

    assert states == [MessageState.SENDING, MessageState.SENDING, MessageState.DONE]


def test_without_receipts_it_is_done_when_it_is_finished(messages: MessageStore) -> None:
    message = a_message(clients=[f"c{n}" for n in range(101)], receipts=Receipts.NONE)
    messages.create(message, look_at_ms=T0, now_ms=T0)
    before = record_of(messages)

    answers = [messages.finish("m1", now_ms=T0) for _ in range(2)]

    assert answers == [True, False]
    assert (before.state, before.is_open) == (MessageState.SENDING, True)
    assert (record_of(messages).state, record_of(messages).is_open) == (MessageState.DONE, False)
    assert record_of(messages).counts == Counts(accepted=101)


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────


def test_receipts_are_news_once(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    recorded = messages.record(
        [a_receipt(each) for each in (QUEUED, QUEUED, SENT, QUEUED)], now_ms=T0
    )

    assert news_of(recorded) == [True, False, True, False]
    assert states_of(recorded) == [QUEUED, QUEUED, SENT, SENT]
    assert record_of(messages).counts == Counts(accepted=1, tracked=1, queued=1, sent=1)


def test_news_says_when_it_was_first_sent(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    receipts = [
        a_receipt(QUEUED),
        a_receipt(SENT, at_ms=T0 + 2),
        a_receipt(SENT, at_ms=T0 + 5),
        a_receipt(DELIVERED, at_ms=T0 + 7),
    ]

    recorded = messages.record(receipts, now_ms=T0)

    assert [each and (each.is_news, each.receipt) for each in recorded] == [
        (True, a_receipt(QUEUED)),
        (True, a_receipt(SENT, at_ms=T0 + 2, sent_at_ms=T0 + 2)),
        (False, a_receipt(SENT, at_ms=T0 + 2, sent_at_ms=T0 + 2)),
        (True, a_receipt(DELIVERED, at_ms=T0 + 7, sent_at_ms=T0 + 2)),
    ]


@pytest.mark.parametrize(
    ("first", "then"), list(product([DELIVERED, EXPIRED, REJECTED, MISSING], ReceiptState))
)
def test_the_first_terminal_receipt_stays(
    messages: MessageStore, first: ReceiptState, then: ReceiptState
) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    recorded = messages.record([a_receipt(first), a_receipt(then, at_ms=T0 + 1)], now_ms=T0)

    [receipt] = messages.read_receipts("m1", now_ms=T0).receipts
    assert recorded == [
        Recorded(receipt=receipt, is_news=True),
        Recorded(receipt=receipt, is_news=False),
    ]
    assert (receipt.state, receipt.at_ms) == (first, T0)
    assert record_of(messages).counts.settled == 1


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (QUEUED, Counts(accepted=1, tracked=1, queued=1)),
        (SENT, Counts(accepted=1, tracked=1, queued=1, sent=1)),
        (DELIVERED, Counts(accepted=1, tracked=1, queued=1, sent=1, delivered=1)),
        (EXPIRED, Counts(accepted=1, tracked=1, queued=1, expired=1)),
        (REJECTED, Counts(accepted=1, tracked=1, rejected=1)),
        (MISSING, Counts(accepted=1, tracked=1, missing=1)),
    ],
)
def test_a_state_counts_for_those_that_it_passes_over(
    messages: MessageStore, state: ReceiptState, counts: Counts
) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    messages.record([a_receipt(state)], now_ms=T0)

    assert record_of(messages).counts == counts


def test_a_delivery_remembers_when_it_was_sent(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    messages.record([a_receipt(SENT, at_ms=T0 + 1), a_receipt(DELIVERED, at_ms=T0 + 9)], now_ms=T0)

    assert messages.read_receipts("m1", now_ms=T0).receipts == (
        Receipt(
            message_id="m1", client_id="alice", state=DELIVERED, at_ms=T0 + 9, sent_at_ms=T0 + 1
        ),
    )


def test_the_timeline_has_the_first_and_the_last_of_each_state(messages: MessageStore) -> None:
    messages.create(a_message(clients=["alice", "bob"]), look_at_ms=T0, now_ms=T0)

    messages.record([a_receipt(QUEUED, "bob", at_ms=T0 + 5)], now_ms=T0)
    messages.record([a_receipt(QUEUED, at_ms=T0 + 2), a_receipt(SENT, at_ms=T0 + 7)], now_ms=T0)

    found = record_of(messages)
    assert found.first_at_ms == {"queued": T0 + 2, "sent": T0 + 7}
    assert found.last_at_ms == {"queued": T0 + 5, "sent": T0 + 7}


def test_a_message_to_all_accepts_whom_it_comes_to(messages: MessageStore) -> None:
    messages.create(a_message(is_to_all=True), look_at_ms=T0, now_ms=T0)

    messages.record([a_receipt(QUEUED), a_receipt(QUEUED), a_receipt(SENT, "bob")], now_ms=T0)

    assert record_of(messages).counts == Counts(accepted=2, tracked=2, queued=2, sent=1)


def test_receipts_of_several_messages_are_recorded_together(messages: MessageStore) -> None:
    for name in ("m1", "m2"):
        messages.create(a_message(name), look_at_ms=T0, now_ms=T0)

    receipts = [a_receipt(DELIVERED, message_id=name) for name in ("m2", "unknown", "m1", "m2")]

    recorded = messages.record(receipts, now_ms=T0)

    assert news_of(recorded) == [True, None, True, False]
    assert [record_of(messages, name).counts.delivered for name in ("m1", "m2")] == [1, 1]


def test_no_receipts_are_none(messages: MessageStore) -> None:
    assert messages.record([], now_ms=T0) == []


def test_receipts_are_read_page_by_page_in_order(messages: MessageStore) -> None:
    names = [f"c{number:02}" for number in range(25)]
    messages.create(a_message(clients=names), look_at_ms=T0, now_ms=T0)
    messages.record([a_receipt(QUEUED, name) for name in reversed(names)], now_ms=T0)
    messages.record([a_receipt(DELIVERED, name) for name in names[::2]], now_ms=T0)

    pages: dict[ReceiptState | None, list[str]] = {None: [], DELIVERED: []}
    for state, found in pages.items():
        cursor = None
        while True:
            page = messages.read_receipts("m1", state=state, cursor=cursor, limit=10, now_ms=T0)
            assert len(page.receipts) <= 10
            found += [each.client_id for each in page.receipts]
            if (cursor := page.cursor) is None:
                break

    assert pages == {None: names, DELIVERED: names[::2]}


def test_receipts_of_those_that_nobody_can_be_are_listed_too(messages: MessageStore) -> None:
    names = ["", "a b", "alice", "~", "~~", "é", "\U0001f600"]
    messages.create(a_message(clients=names), look_at_ms=T0, now_ms=T0)
    messages.record([a_receipt(MISSING, name) for name in names], now_ms=T0)

    found: list[str] = []
    cursor = None
    while True:
        page = messages.read_receipts("m1", cursor=cursor, limit=2, now_ms=T0)
        found += [each.client_id for each in page.receipts]
        if (cursor := page.cursor) is None:
            break

    assert found == names


# ── what is due ──────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_due_until_it_is_finished(messages: MessageStore) -> None:
    messages.create(
        a_message(clients=[f"c{n}" for n in range(150)]), look_at_ms=T0 + 60_000, now_ms=T0
    )
    due = [DueMessage(message_id="m1", look_at_ms=T0 + 60_000)]

    early = due_in(messages, before_ms=T0 + 60_000)
    found = due_in(messages, before_ms=T0 + 60_001)
    messages.finish("m1", now_ms=T0)
    after = due_in(messages, before_ms=T0 + 60_001)

    assert (early, found, after) == ([], due, [])


def test_the_earliest_is_due_first_and_pages_end(messages: MessageStore) -> None:
    names = [name for name in (f"m{number}" for number in range(3000)) if shard_of(name) == 9]
    for at_ms, name in enumerate(reversed(names)):
        messages.create(a_message(name), look_at_ms=T0 + at_ms, now_ms=T0)

    found: list[str] = []
    cursor = None
    while True:
        places = [Place(shard=8), Place(shard=9, cursor=cursor)]
        nothing, page = messages.read_due(places, due_before_ms=T0 + HOUR_MS, limit=4)
        assert nothing == DuePage(due=(), cursor=None)
        assert len(page.due) <= 4
        found += [each.message_id for each in page.due]
        if (cursor := page.cursor) is None:
            break

    assert found == names[::-1]


def test_of_two_that_postpone_one_is_told_so(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    [due] = due_in(messages, before_ms=T0 + 1)

    answers = [messages.postpone(due, look_at_ms=T0 + 500 + n) for n in range(2)]

    assert answers == [True, False]
    assert due_in(messages, before_ms=T0 + 1000) == [
        DueMessage(message_id="m1", look_at_ms=T0 + 500)
    ]


def test_what_is_not_due_is_not_postponed(messages: MessageStore) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    [due] = due_in(messages, before_ms=T0 + 1)
    messages.finish("m1", now_ms=T0)

    assert not messages.postpone(due, look_at_ms=T0 + 500)
    assert due_in(messages, before_ms=T0 + 1000) == []


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


def listed(messages: MessageStore) -> dict[str, list[str]]:
    """Return the message ids of each list that has any."""
    pages = {each.value: messages.read_newest(each) for each in Listing}
    return {name: list(page.message_ids) for name, page in pages.items() if page.message_ids}


def test_a_message_for_later_is_listed_as_scheduled_until_it_is_begun(
    messages: MessageStore,
) -> None:
    messages.create(a_message(due_at_ms=T0 + 5000), look_at_ms=T0 + 5000, now_ms=T0)

    before = listed(messages)
    messages.begin("m1", now_ms=T0 + 5000)

    assert before == {"scheduled": ["m1"]}
    assert listed(messages) == {"finished": ["m1"]}


def test_a_message_to_a_few_is_listed_as_finished_from_the_beginning(
    messages: MessageStore,
) -> None:
    messages.create(a_message(), look_at_ms=T0, now_ms=T0)

    before = listed(messages)
    messages.finish("m1", now_ms=T0)

    assert before == listed(messages) == {"finished": ["m1"]}


def test_a_fan_out_is_listed_as_running_until_it_is_finished(messages: MessageStore) -> None:
    later = a_message(is_to_all=True, due_at_ms=T0 + 5000)
    messages.create(later, look_at_ms=T0 + 5000, now_ms=T0)
    messages.begin("m1", now_ms=T0 + 5000)

    running = listed(messages)
    messages.set_paused("m1", is_paused=True, now_ms=T0 + 5000)
    paused = listed(messages)
    messages.finish("m1", now_ms=T0 + 5000)

    assert running == paused == {"running": ["m1"]}
    assert listed(messages) == {"finished": ["m1"]}


@pytest.mark.parametrize("is_to_all", [False, True])
def test_a_message_that_is_cancelled_before_its_time_is_listed_as_finished(
    messages: MessageStore, *, is_to_all: bool
) -> None:
    message = a_message(is_to_all=is_to_all, due_at_ms=T0 + 5000)
    messages.create(message, look_at_ms=T0 + 5000, now_ms=T0)

    messages.cancel("m1", now_ms=T0)

    assert listed(messages) == {"finished": ["m1"]}


def test_a_fan_out_that_is_cancelled_is_listed_as_finished(messages: MessageStore) -> None:
    messages.create(a_message(is_to_all=True, qos=0), look_at_ms=T0, now_ms=T0)

    messages.cancel("m1", now_ms=T0)

    assert listed(messages) == {"finished": ["m1"]}


def test_what_changes_nothing_lists_nothing_anew(messages: MessageStore) -> None:
    messages.create(a_message(due_at_ms=T0 + 5000), look_at_ms=T0 + 5000, now_ms=T0)

    messages.create(a_message(), look_at_ms=T0, now_ms=T0)
    messages.begin("m1", now_ms=T0)
    messages.set_paused("m1", is_paused=True, now_ms=T0)

    assert listed(messages) == {"scheduled": ["m1"]}


def test_lists_do_not_outgrow_the_records(messages: MessageStore, harness: Harness) -> None:
    # DynamoDB removes what is over some time after it is; memory forgets nothing.
    left_to_ttl = {} if harness.redis is not None else {"running": ["m1"]}
    last_ms = T0 + HOUR_MS + RECORD_LIFETIME_MS
    messages.create(a_message(is_to_all=True), look_at_ms=T0, now_ms=T0)
    other = next(f"o{each}" for each in range(9999) if shard_of(f"o{each}") == shard_of("m1"))

    message = a_message(other, accepted_at_ms=last_ms, expires_at_ms=last_ms + HOUR_MS)
    messages.create(message, look_at_ms=last_ms, now_ms=last_ms)

    assert listed(messages) == {**left_to_ttl, "finished": [other]}


def test_lists_are_paged_newest_first(messages: MessageStore) -> None:
    for number in range(5):
        message = a_message(f"m{number}", accepted_at_ms=T0 + number // 2, due_at_ms=T0 + 9000)
        messages.create(message, look_at_ms=T0 + 9000, now_ms=T0)
    messages.begin("m3", now_ms=T0 + 9000)

    pages: list[tuple[str, ...]] = []
    cursor = None
    while not pages or cursor is not None:
        page = messages.read_newest(None, cursor=cursor, limit=2)
        pages.append(page.message_ids)
        cursor = page.cursor

    assert pages == [("m4", "m3"), ("m2", "m1"), ("m0",)]
    assert messages.read_newest(Listing.SCHEDULED, limit=4).cursor is None

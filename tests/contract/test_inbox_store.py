"""What every `InboxStore` promises, clause by clause (see `cloudpush.ports`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush.model import INBOX_DEPTH, INBOX_LIFETIME_MS, Copy, Inbox, Place, shard_of
from cloudpush.ports import Append, Claim, Copies, Grant, InboxPage
from cloudpush.stores import inbox_rules as rules
from tests.contract.connection_stores import T0
from tests.contract.kept_stores import HOUR_MS, a_publication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import InboxStore
    from tests.contract.kept_stores import Kept

LEASE_MS = 10_000
WAIT_MS = rules.resend_wait_ms("alice", 0)


@pytest.fixture
def inboxes(kept: Kept) -> InboxStore:
    return kept.inboxes


def append(
    inboxes: InboxStore,
    *message_ids: str,
    now_ms: int = T0,
    expires_at_ms: int = T0 + HOUR_MS,
    size: int = 0,
) -> list[Append]:
    answers: list[Append] = []
    for message_id in message_ids:
        answers += inboxes.append(
            ["alice"],
            a_publication(message_id, {"pad": "x" * size} if size else None),
            tracked=[True],
            expires_at_ms=expires_at_ms,
            epoch="e1",
            now_ms=now_ms,
        )
    return answers


def claim(inboxes: InboxStore, *, owner: str = "w1", now_ms: int = T0) -> Claim:
    [claim] = inboxes.claim(["alice"], owner=owner, lease_ms=LEASE_MS, now_ms=now_ms)
    return claim


def settle(
    inboxes: InboxStore, *seqs: int, is_progress: bool = True, now_ms: int = T0
) -> Inbox | None:
    return inboxes.settle("alice", epoch="e1", seqs=seqs, is_progress=is_progress, now_ms=now_ms)


def row(inboxes: InboxStore, now_ms: int = T0) -> Inbox:
    found = inboxes.get("alice", now_ms=now_ms)
    assert found is not None
    return found


def sent(claimed: Claim) -> list[tuple[int, str, int | None]]:
    return [
        (each.entry.seq, each.entry.publication.message_id, each.after) for each in claimed.outgoing
    ]


def retained(inboxes: InboxStore, now_ms: int = T0) -> list[int]:
    return [each.seq for each in inboxes.read_entries("alice", now_ms=now_ms)]


def due_clients(inboxes: InboxStore, *, before_ms: int) -> Sequence[str]:
    [page] = inboxes.read_due([Place(shard=shard_of("alice"))], due_before_ms=before_ms)
    return page.client_ids


def clients_in(page: InboxPage) -> Sequence[str]:
    return page.client_ids


# ── append ───────────────────────────────────────────────────────────────────────────────────────


def test_there_is_no_inbox_before_the_first_message(inboxes: InboxStore) -> None:
    assert inboxes.get("alice", now_ms=T0) is None


def test_messages_are_numbered_from_1_without_a_gap(inboxes: InboxStore) -> None:
    answers = append(inboxes, "m1", "m2", "m3")

    entries = inboxes.read_entries("alice", now_ms=T0)
    assert answers == [Append.APPENDED] * 3
    assert [(each.seq, each.publication.message_id) for each in entries] == [
        (1, "m1"),
        (2, "m2"),
        (3, "m3"),
    ]
    assert row(inboxes).last_seq == 3


def test_an_entry_is_what_was_appended(inboxes: InboxStore) -> None:
    publication = a_publication("m1", {"text": "žluťoučký \N{PILE OF POO} {}", "n": [1, None]})

    inboxes.append(
        ["alice"], publication, tracked=[False], expires_at_ms=T0 + 1, epoch="e1", now_ms=T0
    )

    [entry] = inboxes.read_entries("alice", now_ms=T0)
    assert entry.publication == publication
    assert (entry.expires_at_ms, entry.is_tracked) == (T0 + 1, False)


def test_a_repeat_changes_nothing(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    before = row(inboxes)

    assert append(inboxes, "m1") == [Append.DUPLICATE]
    assert row(inboxes) == before


def test_a_repeat_is_known_after_the_message_was_acknowledged(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)
    settle(inboxes, 1)

    assert append(inboxes, "m1", now_ms=T0 + HOUR_MS - 1) == [Append.DUPLICATE]
    assert retained(inboxes) == []


def test_several_clients_are_told_apart(inboxes: InboxStore) -> None:
    append(inboxes, "m1")

    answers = inboxes.append(
        ["alice", "bob"],
        a_publication("m1"),
        tracked=[True, False],
        expires_at_ms=T0 + HOUR_MS,
        epoch="e2",
        now_ms=T0,
    )

    bobs = inboxes.get("bob", now_ms=T0)
    assert answers == [Append.DUPLICATE, Append.APPENDED]
    assert row(inboxes).epoch == "e1"
    assert bobs is not None
    assert bobs.epoch == "e2"


def test_a_message_whose_time_is_over_is_not_taken(inboxes: InboxStore) -> None:
    assert append(inboxes, "m1", expires_at_ms=T0) == [Append.EXPIRED]
    assert inboxes.get("alice", now_ms=T0) is None


def test_depth_and_bytes_are_those_of_what_is_retained(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", size=100)
    claim(inboxes)
    before = row(inboxes)

    settle(inboxes, 1)

    after = row(inboxes)
    assert (before.depth, after.depth) == (2, 1)
    assert before.bytes == 2 * after.bytes
    assert before.in_flight_bytes == 2 * after.in_flight_bytes


def test_a_full_inbox_takes_nothing_more_and_remembers_nothing_of_it(
    inboxes: InboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudpush.stores.inbox_rules.INBOX_DEPTH", 2)
    append(inboxes, "m1", "m2")
    claim(inboxes)

    assert append(inboxes, "m3") == [Append.FULL]
    settle(inboxes, 1, 2)
    assert append(inboxes, "m3") == [Append.APPENDED]


def test_an_inbox_holds_ten_thousand_messages() -> None:
    assert INBOX_DEPTH == 10_000


def test_an_inbox_that_nobody_used_begins_again_with_another_epoch(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    later = T0 + INBOX_LIFETIME_MS

    assert inboxes.get("alice", now_ms=later) is None
    inboxes.append(
        ["alice"],
        a_publication("m2"),
        tracked=[True],
        expires_at_ms=later + 1,
        epoch="e2",
        now_ms=later,
    )

    found = row(inboxes, later)
    assert (found.epoch, found.last_seq, found.depth) == ("e2", 1, 1)
    assert retained(inboxes, later) == [1]


# ── claim ────────────────────────────────────────────────────────────────────────────────────────


def test_a_writer_gets_what_waits_in_order(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3")

    claimed = claim(inboxes)

    assert claimed.grant is Grant.ENTRIES
    assert sent(claimed) == [(1, "m1", 0), (2, "m2", None), (3, "m3", None)]


def test_there_is_nothing_to_claim_without_an_inbox(inboxes: InboxStore) -> None:
    assert claim(inboxes) == Claim(grant=Grant.IDLE, inbox=None)


def test_a_second_writer_gets_nothing_while_the_first_has_the_lease(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)

    other = claim(inboxes, owner="w2", now_ms=T0 + LEASE_MS - 1)

    assert (other.grant, other.outgoing) == (Grant.HELD, ())


def test_what_is_appended_meanwhile_is_the_holders(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)
    append(inboxes, "m2")

    assert sent(claim(inboxes)) == [(2, "m2", None)]


def test_finding_nothing_lets_go_of_the_lease(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)

    idle = claim(inboxes)
    append(inboxes, "m2")

    assert idle.grant is Grant.IDLE
    assert sent(claim(inboxes, owner="w2")) == [(2, "m2", None)]


def test_a_lease_that_ran_out_goes_to_the_next_who_begins_anew(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    first = claim(inboxes)
    append(inboxes, "m3")

    second = claim(inboxes, owner="w2", now_ms=T0 + LEASE_MS)

    assert sent(second) == [(1, "m1", 0), (2, "m2", None), (3, "m3", None)]
    assert first.inbox is not None
    assert second.inbox is not None
    assert second.inbox.fence > first.inbox.fence


def test_the_window_is_64_messages(inboxes: InboxStore) -> None:
    append(inboxes, *(f"m{number}" for number in range(70)))

    first, then = claim(inboxes), claim(inboxes)
    settle(inboxes, 1, 2)
    last = claim(inboxes)

    assert [len(each.outgoing) for each in (first, then, last)] == [64, 0, 2]
    assert [seq for seq, _, _ in sent(last)] == [65, 66]


def test_the_window_is_256_kilobytes(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3", size=100 * 1024)

    first, then = claim(inboxes), claim(inboxes)

    assert [seq for seq, _, _ in sent(first)] == [1, 2]
    assert then.grant is Grant.IDLE


def test_one_message_is_always_allowed(
    inboxes: InboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudpush.stores.inbox_rules.WINDOW_BYTES", 10)
    append(inboxes, "m1", "m2")

    assert [seq for seq, _, _ in sent(claim(inboxes))] == [1]


def test_a_gap_is_named(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3", "m4")
    claim(inboxes)
    settle(inboxes, 1, 3)

    inboxes.open("alice", epoch="e1", now_ms=T0)

    assert sent(claim(inboxes)) == [(2, "m2", 0), (4, "m4", 2)]


def test_a_message_whose_time_is_over_is_not_handed_out(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    append(inboxes, "m2", expires_at_ms=T0 + 5)
    append(inboxes, "m3")

    first = claim(inboxes, now_ms=T0 + 5)
    second = claim(inboxes, now_ms=T0 + 5)
    settle(inboxes, 2, is_progress=False, now_ms=T0 + 5)
    third = claim(inboxes, now_ms=T0 + 5)

    assert sent(first) == [(1, "m1", 0)]
    assert (second.grant, second.outgoing) == (Grant.EXPIRED, ())
    assert sent(third) == [(3, "m3", 1)]


def test_a_resend_that_was_not_sent_is_none(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)
    inboxes.release("alice", owner="w1", is_unsent=True, now_ms=T0)
    attempts = [row(inboxes).attempt]

    for _ in range(2 * len(rules.RESEND_WAITS_SECONDS)):
        due_ms = row(inboxes).resend_at_ms
        assert sent(claim(inboxes, now_ms=due_ms)) == [(1, "m1", 0)]
        inboxes.release("alice", owner="w1", is_unsent=True, now_ms=due_ms)
        attempts.append(row(inboxes).attempt)
    assert claim(inboxes, now_ms=row(inboxes).resend_at_ms).grant is Grant.ENTRIES
    inboxes.release("alice", owner="w1", now_ms=T0)

    assert set(attempts) == {0}
    assert row(inboxes).attempt == 1


def test_release_lets_go_of_ones_own_lease_only(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)

    assert not inboxes.release("alice", owner="w2", now_ms=T0)
    assert inboxes.release("alice", owner="w1", now_ms=T0)
    assert not inboxes.release("bob", owner="w1", now_ms=T0)
    append(inboxes, "m2")
    assert claim(inboxes, owner="w2").grant is Grant.ENTRIES


# ── resends ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(0, 3, 3), (1, 5, 7), (2, 10, 14), (3, 20, 28), (4, 39, 57)]
)
def test_the_waits_are_whole_seconds_within_a_fifth(attempt: int, least: int, most: int) -> None:
    waits = {rules.resend_wait_ms(f"client-{number}", attempt) for number in range(1000)}

    assert waits == {seconds * 1000 for seconds in range(least, most + 1)}


def test_what_is_not_acknowledged_is_sent_again_from_the_first_missing_one(
    inboxes: InboxStore,
) -> None:
    append(inboxes, "m1", "m2", "m3")
    claim(inboxes)
    settle(inboxes, 1)
    claim(inboxes)

    early = claim(inboxes, now_ms=T0 + WAIT_MS - 1)
    due = claim(inboxes, now_ms=T0 + WAIT_MS)

    assert early.grant is Grant.IDLE
    assert sent(due) == [(2, "m2", 0), (3, "m3", None)]
    assert due.inbox is not None
    assert due.inbox.attempt == 1


def test_the_waits_grow_and_then_the_inbox_is_exhausted(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    now_ms = T0
    waits: list[int] = []
    claim(inboxes)
    while (again := claim(inboxes, now_ms=now_ms)).grant is not Grant.EXHAUSTED:
        assert again.inbox is not None
        waits.append(again.inbox.resend_at_ms - now_ms)
        now_ms = again.inbox.resend_at_ms

    assert waits == [rules.resend_wait_ms("alice", n) for n in (0, 1, 2, 3, 4, 5)]


def test_an_exhausted_inbox_is_parked_and_begins_anew(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    now_ms = T0
    while (last := claim(inboxes, now_ms=now_ms)).grant is not Grant.EXHAUSTED:
        assert last.inbox is not None
        now_ms = last.inbox.resend_at_ms
    assert last.inbox is not None

    assert inboxes.park("alice", owner="w1", fence=last.inbox.fence, now_ms=now_ms)

    assert row(inboxes, now_ms).resend_at_ms == 0
    inboxes.open("alice", epoch="e1", now_ms=now_ms)
    assert sent(claim(inboxes, owner="w2", now_ms=now_ms)) == [(1, "m1", 0)]


def test_progress_begins_the_waits_anew(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    claim(inboxes, now_ms=T0 + WAIT_MS)

    settled = settle(inboxes, 1, now_ms=T0 + WAIT_MS + 1)

    assert settled is not None
    assert (settled.attempt, settled.resend_at_ms) == (0, T0 + 2 * WAIT_MS + 1)


def test_an_acknowledgement_that_drops_nothing_is_no_progress(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    before = claim(inboxes, now_ms=T0 + WAIT_MS).inbox

    assert settle(inboxes, 7, now_ms=T0 + WAIT_MS + 1) == before


def test_a_timer_is_asked_for_once(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    first = claim(inboxes)
    append(inboxes, "m2")
    second = claim(inboxes, now_ms=T0 + 10)
    at_timer = claim(inboxes, now_ms=T0 + WAIT_MS)

    assert first.timer_delay_ms == WAIT_MS
    assert second.timer_delay_ms is None
    assert at_timer.timer_delay_ms == rules.resend_wait_ms("alice", 1)


def test_a_timer_that_would_come_too_late_is_asked_for_again(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    resent = claim(inboxes, now_ms=T0 + WAIT_MS)
    settle(inboxes, 1, now_ms=T0 + WAIT_MS + 1)

    idle = claim(inboxes, now_ms=T0 + WAIT_MS + 1)

    assert resent.timer_delay_ms is not None
    assert resent.timer_delay_ms > WAIT_MS
    assert (idle.grant, idle.timer_delay_ms) == (Grant.IDLE, WAIT_MS)


# ── open and park ────────────────────────────────────────────────────────────────────────────────


def test_open_makes_an_empty_inbox(inboxes: InboxStore) -> None:
    opened = inboxes.open("alice", epoch="e1", now_ms=T0)

    assert (opened.epoch, opened.last_seq, opened.settled_seq, opened.depth) == ("e1", 0, 0, 0)
    assert row(inboxes) == opened


def test_open_keeps_the_epoch_and_begins_at_the_first_that_is_not_settled(
    inboxes: InboxStore,
) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    settle(inboxes, 1)
    claim(inboxes)

    opened = inboxes.open("alice", epoch="e2", now_ms=T0)

    assert (opened.epoch, opened.last_seq, opened.settled_seq) == ("e1", 2, 1)
    assert sent(claim(inboxes)) == [(2, "m2", 0)]


def test_the_holder_sends_what_a_new_run_begins_with(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    first = claim(inboxes)
    inboxes.open("alice", epoch="e1", now_ms=T0)

    assert claim(inboxes, owner="w2").grant is Grant.HELD
    again = claim(inboxes)

    assert sent(again) == sent(first)


def test_a_parked_inbox_asks_for_nothing_and_keeps_everything(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claimed = claim(inboxes)
    assert claimed.inbox is not None

    assert inboxes.park("alice", owner="w1", fence=claimed.inbox.fence, now_ms=T0)

    parked = row(inboxes)
    assert (parked.owner, parked.resend_at_ms, parked.in_flight, parked.depth) == ("", 0, 0, 1)
    assert sent(claim(inboxes, owner="w2")) == [(1, "m1", 0)]


def test_a_connection_that_came_in_between_forbids_parking(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claimed = claim(inboxes)
    assert claimed.inbox is not None
    inboxes.open("alice", epoch="e1", now_ms=T0)

    assert not inboxes.park("alice", owner="w1", fence=claimed.inbox.fence, now_ms=T0)
    assert sent(claim(inboxes)) == [(1, "m1", 0)]


def test_only_the_holder_parks(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claimed = claim(inboxes)
    assert claimed.inbox is not None

    assert not inboxes.park("alice", owner="w2", fence=claimed.inbox.fence, now_ms=T0)
    assert not inboxes.park("bob", owner="w1", fence=1, now_ms=T0)


# ── acknowledgements ─────────────────────────────────────────────────────────────────────────────


def test_an_acknowledgement_never_reaches_beyond_what_was_sent(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)
    append(inboxes, "m2")

    through = inboxes.read_sent("alice", through_seq=2, now_ms=T0)
    single = inboxes.read_sent("alice", message_ids=["m2"], now_ms=T0)

    assert [each.seq for each in through.copies] == [1]
    assert single.copies == ()


def test_an_acknowledgement_is_cumulative_by_seq_and_single_by_id(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3", "m4")
    claim(inboxes)

    both = inboxes.read_sent("alice", through_seq=2, message_ids=["m4", "m1", "unknown"], now_ms=T0)

    assert both == Copies(
        epoch="e1",
        copies=tuple(Copy(seq=n, message_id=f"m{n}", is_tracked=True) for n in (1, 2, 4)),
    )
    assert inboxes.read_sent("bob", through_seq=2, now_ms=T0) == Copies(epoch="")


def test_a_long_acknowledgement_is_read_in_parts(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3")
    claim(inboxes)

    first = inboxes.read_sent("alice", through_seq=3, limit=2, now_ms=T0)
    settle(inboxes, 1, 2)
    rest = inboxes.read_sent("alice", through_seq=3, limit=2, now_ms=T0)

    assert [[each.seq for each in part.copies] for part in (first, rest)] == [[1, 2], [3]]


def test_what_was_sent_once_may_be_acknowledged_in_any_run(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    inboxes.open("alice", epoch="e1", now_ms=T0)

    found = inboxes.read_sent("alice", through_seq=2, now_ms=T0)
    assert [each.seq for each in found.copies] == [1, 2]


def test_settling_moves_up_to_the_first_that_is_retained(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2", "m3", "m4")
    claim(inboxes)

    rows = [settle(inboxes, 2), settle(inboxes, 1), settle(inboxes, 4), settle(inboxes, 3)]

    assert [each.settled_seq for each in rows if each is not None] == [0, 2, 2, 4]
    assert retained(inboxes) == []


def test_settling_twice_changes_nothing(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    settle(inboxes, 1)
    before = row(inboxes)

    assert settle(inboxes, 1, now_ms=T0 + 50) == before


def test_another_epoch_settles_nothing(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)

    answer = inboxes.settle("alice", epoch="e0", seqs=[1], is_progress=True, now_ms=T0)

    assert answer is None
    assert retained(inboxes) == [1]


def test_what_is_settled_before_it_was_sent_in_this_run_is_not_sent(inboxes: InboxStore) -> None:
    append(inboxes, "m1", "m2")
    claim(inboxes)
    inboxes.open("alice", epoch="e1", now_ms=T0)
    settle(inboxes, 1)

    claimed = claim(inboxes)

    assert sent(claimed) == [(2, "m2", 0)]
    assert claimed.inbox is not None
    assert claimed.inbox.in_flight == 1


# ── expiry, and who is to be looked after ────────────────────────────────────────────────────────


def test_expired_messages_are_found_in_order(inboxes: InboxStore) -> None:
    append(inboxes, "m1", expires_at_ms=T0 + 7)
    append(inboxes, "m2", expires_at_ms=T0 + 9)
    append(inboxes, "m3", expires_at_ms=T0 + 8)

    found = inboxes.read_expired("alice", now_ms=T0 + 8)
    first = inboxes.read_expired("alice", limit=1, now_ms=T0 + 9)

    assert [each.seq for each in found.copies] == [1, 3]
    assert [each.seq for each in first.copies] == [1]
    assert inboxes.read_expired("alice", now_ms=T0 + 6) == Copies(epoch="e1")
    assert inboxes.read_expired("bob", now_ms=T0 + 8) == Copies(epoch="")


def test_an_inbox_is_due_when_a_resend_or_an_expiry_is(inboxes: InboxStore) -> None:
    append(inboxes, "m1", expires_at_ms=T0 + HOUR_MS)

    offline = due_clients(inboxes, before_ms=T0 + HOUR_MS)
    expired = due_clients(inboxes, before_ms=T0 + HOUR_MS + 1)
    claim(inboxes)
    early = due_clients(inboxes, before_ms=T0 + WAIT_MS)
    due = due_clients(inboxes, before_ms=T0 + WAIT_MS + 1)

    assert [offline, expired, early, due] == [(), ("alice",), (), ("alice",)]


def test_an_inbox_in_which_nothing_is_left_is_not_due(inboxes: InboxStore) -> None:
    append(inboxes, "m1")
    claim(inboxes)
    settle(inboxes, 1)

    assert due_clients(inboxes, before_ms=T0 + 2 * HOUR_MS) == ()


def test_due_inboxes_of_many_shards_are_read_together_each_from_its_place(
    inboxes: InboxStore,
) -> None:
    names = [name for name in (f"c{number}" for number in range(2000)) if shard_of(name) in {7, 8}]
    inboxes.append(
        names,
        a_publication("m1"),
        tracked=[False] * len(names),
        expires_at_ms=T0 + HOUR_MS,
        epoch="e1",
        now_ms=T0,
    )
    found: list[str] = []
    places = [Place(shard=shard) for shard in (7, 8, 9)]
    while places:
        pages = inboxes.read_due(places, due_before_ms=T0 + HOUR_MS + 1, limit=3)
        assert len(pages) == len(places)
        assert all(len(each.client_ids) <= 3 for each in pages)
        found += [each for page in pages for each in page.client_ids]
        places = [
            Place(shard=place.shard, cursor=page.cursor)
            for place, page in zip(places, pages, strict=True)
            if page.cursor is not None
        ]

    assert sorted(found) == sorted(names)


def test_a_shard_is_read_page_by_page(inboxes: InboxStore) -> None:
    names = [name for name in (f"c{number}" for number in range(2000)) if shard_of(name) == 7]
    for name in names:
        inboxes.open(name, epoch="e1", now_ms=T0)
    found: list[str] = []
    cursor = None
    while True:
        page = inboxes.read_shard(7, cursor=cursor, limit=3, now_ms=T0)
        assert len(page.client_ids) <= 3
        found += page.client_ids
        if (cursor := page.cursor) is None:
            break

    assert sorted(found) == sorted(names)
    assert clients_in(inboxes.read_shard(7, now_ms=T0 + INBOX_LIFETIME_MS)) == ()


def test_several_shards_are_read_as_each_alone(inboxes: InboxStore) -> None:
    for number in range(40):
        inboxes.open(f"c{number}", epoch="e1", now_ms=T0)
    shards = sorted({shard_of(f"c{number}") for number in range(40)})
    first = inboxes.read_shard(shards[0], limit=1, now_ms=T0)
    places = [
        Place(shard=shards[0], cursor=first.cursor),
        *(Place(shard=each) for each in shards[1:]),
    ]

    pages = inboxes.read_shards(places, limit=2, now_ms=T0)

    alone = [
        inboxes.read_shard(each.shard, cursor=each.cursor, limit=2, now_ms=T0) for each in places
    ]
    assert list(pages) == alone
    assert len(alone) > 20

"""What every `FanOutStore` promises, clause by clause (see `cloudpush.ports`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush.model import SHARDS, Place, Posted
from cloudpush.ports import FanOutClaim, FanOutProgress, FanOutStep
from tests.contract.connection_stores import T0
from tests.contract.kept_stores import HOUR_MS, a_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudpush.ports import FanOutStore
    from tests.contract.kept_stores import Kept

LEASE_MS = 20_000
EVERYTHING = frozenset(range(SHARDS))
ENDS_AT_MS = a_message().ends_at_ms


@pytest.fixture
def fan_outs(kept: Kept) -> FanOutStore:
    return kept.fan_outs


def claim(
    fan_outs: FanOutStore,
    owner: str,
    limit: int = SHARDS,
    *,
    message_id: str = "m1",
    now_ms: int = T0,
) -> FanOutClaim:
    message = a_message(message_id, is_to_all=True)
    return fan_outs.claim(message, owner=owner, limit=limit, lease_ms=LEASE_MS, now_ms=now_ms)


def claim_granted(fan_outs: FanOutStore, owner: str) -> None:
    """Claim every shard of a new fan-out, and ask no more."""
    held = 0
    while held < SHARDS:
        held += len(claim(fan_outs, owner).places)


def claim_all(fan_outs: FanOutStore, owner: str, *, now_ms: int = T0) -> dict[int, str | None]:
    """Claim until nothing is granted; return the cursor of each shard that was."""
    granted: dict[int, str | None] = {}
    while places := claim(fan_outs, owner, now_ms=now_ms).places:
        granted |= {each.shard: each.cursor for each in places}
    return granted


def save(
    fan_outs: FanOutStore, owner: str, step: FanOutStep, *, now_ms: int = T0
) -> frozenset[int]:
    return fan_outs.save("m1", owner=owner, step=step, lease_ms=LEASE_MS, now_ms=now_ms)


def places(cursors: Mapping[int, str | None]) -> list[Place]:
    return [Place(shard=shard, cursor=cursor) for shard, cursor in cursors.items()]


def shards_of(claim: FanOutClaim) -> set[int]:
    return {each.shard for each in claim.places}


def progress(fan_outs: FanOutStore, now_ms: int = T0) -> FanOutProgress:
    found = fan_outs.get("m1", now_ms=now_ms)
    assert found is not None
    return found


def test_one_worker_may_have_every_shard(fan_outs: FanOutStore) -> None:
    first = claim(fan_outs, "a")
    rest = claim_all(fan_outs, "a")

    assert {**{each.shard: each.cursor for each in first.places}, **rest} == dict.fromkeys(
        EVERYTHING
    )
    assert (first.is_over, first.look_again_at_ms) == (False, None)


def test_a_list_has_a_shard_for_each_hundred(fan_outs: FanOutStore) -> None:
    message = a_message(clients=[f"c{number}" for number in range(201)])

    granted = fan_outs.claim(message, owner="a", limit=SHARDS, lease_ms=LEASE_MS, now_ms=T0)
    save(fan_outs, "a", FanOutStep(finished=[0, 1, 2]))

    assert shards_of(granted) == {0, 1, 2}
    assert fan_outs.claim(message, owner="b", limit=1, lease_ms=LEASE_MS, now_ms=T0).is_over


def test_nobody_is_granted_what_another_has(fan_outs: FanOutStore) -> None:
    first = claim(fan_outs, "a", 16)
    second = claim_all(fan_outs, "b")

    assert len(first.places) == 16
    assert set(second) == EVERYTHING - shards_of(first)


def test_fan_outs_know_nothing_of_each_other(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")

    assert claim(fan_outs, "a", message_id="m2").places


def test_of_those_that_find_nothing_one_looks_again(fan_outs: FanOutStore) -> None:
    claim_granted(fan_outs, "a")

    answers = [claim(fan_outs, name, now_ms=T0 + 1) for name in ("b", "c")]

    assert answers == [FanOutClaim(look_again_at_ms=T0 + LEASE_MS), FanOutClaim()]


def test_and_another_when_that_time_has_come(fan_outs: FanOutStore) -> None:
    claim_granted(fan_outs, "a")
    claim(fan_outs, "b")
    save(fan_outs, "a", FanOutStep(held=places(dict.fromkeys(range(SHARDS)))), now_ms=T0 + 5000)

    again = claim(fan_outs, "c", now_ms=T0 + LEASE_MS)

    assert again == FanOutClaim(look_again_at_ms=T0 + 5000 + LEASE_MS)


def test_a_lease_that_ran_out_goes_to_the_next_with_its_place(fan_outs: FanOutStore) -> None:
    mine = claim(fan_outs, "a", 2).places
    save(fan_outs, "a", FanOutStep(held=places({mine[0].shard: "k1"})))

    early = claim_all(fan_outs, "b", now_ms=T0 + LEASE_MS - 1)
    late = claim_all(fan_outs, "c", now_ms=T0 + LEASE_MS)

    assert set(early) == EVERYTHING - {each.shard for each in mine}
    assert late == {mine[0].shard: "k1", mine[1].shard: None}


def test_saving_prolongs_the_lease(fan_outs: FanOutStore) -> None:
    mine = claim(fan_outs, "a", 1).places[0].shard
    kept = save(fan_outs, "a", FanOutStep(held=places({mine: "k1"})), now_ms=T0 + LEASE_MS - 1)

    found = claim_all(fan_outs, "b", now_ms=T0 + LEASE_MS)

    assert kept == {mine}
    assert set(found) == EVERYTHING - {mine}


def test_what_is_released_is_free_at_once_and_keeps_its_place(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")
    kept = save(fan_outs, "a", FanOutStep(released=places({7: "k7", 8: None})))

    found = claim_all(fan_outs, "b")

    assert kept == frozenset()
    assert found == {7: "k7", 8: None}


def test_what_is_finished_never_comes_again(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")
    save(fan_outs, "a", FanOutStep(finished=list(range(SHARDS - 1))))

    found = claim_all(fan_outs, "b", now_ms=T0 + LEASE_MS)

    assert found == {SHARDS - 1: None}
    assert progress(fan_outs).open_shards == 1


def test_it_is_over_when_every_shard_is_finished(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")
    save(fan_outs, "a", FanOutStep(finished=list(range(SHARDS))))

    assert claim(fan_outs, "b") == FanOutClaim(is_over=True)
    assert progress(fan_outs).open_shards == 0


def test_a_worker_that_outlived_its_lease_is_told_and_changes_nothing(
    fan_outs: FanOutStore,
) -> None:
    claim_all(fan_outs, "a")
    later = T0 + LEASE_MS
    claim_all(fan_outs, "b", now_ms=later)
    save(fan_outs, "b", FanOutStep(held=places({5: "b5"})), now_ms=later)

    kept = save(
        fan_outs,
        "a",
        FanOutStep(held=places({5: "a5"}), released=places({6: "a6"}), finished=[7]),
        now_ms=later,
    )

    cursors = claim_all(fan_outs, "c", now_ms=later + LEASE_MS)
    assert kept == frozenset()
    assert (cursors[5], cursors[6], cursors[7]) == ("b5", None, None)


def test_what_is_still_its_own_it_keeps(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")
    save(fan_outs, "a", FanOutStep(held=places({5: "a5"})), now_ms=T0 + 1000)
    later = T0 + LEASE_MS
    taken = set(claim_all(fan_outs, "b", now_ms=later))

    kept = save(
        fan_outs, "a", FanOutStep(held=places({5: "a55", 6: "a6"}), finished=[7]), now_ms=later
    )

    assert taken == EVERYTHING - {5}
    assert kept == {5}
    assert progress(fan_outs, later).open_shards == SHARDS


def test_posts_are_counted_whoever_holds_the_shard(fan_outs: FanOutStore) -> None:
    claim(fan_outs, "a", 1)

    save(fan_outs, "a", FanOutStep(posted=Posted(sent=10, waiting=2, untracked=7)), now_ms=T0 + 1)
    save(
        fan_outs,
        "b",
        FanOutStep(held=places({3: "x"}), posted=Posted(sent=5, gone=1, dropped=4)),
        now_ms=T0 + 9,
    )

    assert progress(fan_outs) == FanOutProgress(
        open_shards=SHARDS,
        posted=Posted(sent=15, waiting=2, gone=1, dropped=4, untracked=7),
        first_at_ms=T0 + 1,
        last_at_ms=T0 + 9,
    )


def test_there_is_nothing_before_the_first_claim_nor_after_its_end(fan_outs: FanOutStore) -> None:
    before = fan_outs.get("m1", now_ms=T0)
    saved_before = save(fan_outs, "a", FanOutStep(held=places({1: "x"})))
    claim(fan_outs, "a")

    after = fan_outs.get("m1", now_ms=ENDS_AT_MS)

    assert (before, saved_before, after) == (None, frozenset(), None)
    assert progress(fan_outs, ENDS_AT_MS - 1).open_shards == SHARDS


def test_after_its_end_it_begins_anew(fan_outs: FanOutStore) -> None:
    claim_all(fan_outs, "a")
    save(fan_outs, "a", FanOutStep(finished=list(range(SHARDS))))

    again = fan_outs.claim(
        a_message(is_to_all=True, expires_at_ms=T0 + 2 * HOUR_MS),
        owner="b",
        limit=SHARDS,
        lease_ms=LEASE_MS,
        now_ms=ENDS_AT_MS,
    )

    assert again.places
    assert {each.cursor for each in again.places} == {None}

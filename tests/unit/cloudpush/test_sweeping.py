from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloudpush import delivery, sweeping
from cloudpush.model import Eviction
from cloudpush.outcomes import Report
from cloudpush.ports import Outcome
from tests.fakes.jobs import Sent
from tests.fakes.push_service import Stage, a_publication

if TYPE_CHECKING:
    import pytest

LIMIT_MS = 60_000


async def sweep(
    stage: Stage, *, stale_after_ms: int = LIMIT_MS, remaining_ms: int = 60_000
) -> Report:
    return await sweeping.sweep(
        stale_after_ms=stale_after_ms,
        outlet=stage.outlet,
        clock=stage.clock,
        remaining_ms=lambda: remaining_ms,
    )


async def test_a_silent_client_is_told_close_deleted_and_forgotten() -> None:
    stage = Stage()
    alice = stage.connect("alice", seconds_ago=61)

    report = await sweep(stage)

    assert report.sent == [alice]
    assert json.loads(stage.gateway.posts[0].data) == {
        "msgType": 15,
        "to": "alice",
        "sessionId": alice.session_id,
        "activeTime": stage.clock(),
        "closeCode": 4201,
        "reconnect": True,
    }
    assert stage.gateway.deleted == ["alice-1"]
    assert stage.find("alice-1") is None


async def test_a_client_that_was_heard_within_the_limit_stays() -> None:
    stage = Stage()
    stage.connect("alice", seconds_ago=3600)
    stage.store.touch("alice-1", now_ms=stage.clock() - LIMIT_MS)

    await sweep(stage)

    assert stage.find("alice-1") is not None
    assert stage.gateway.posts == []


async def test_a_push_to_a_client_does_not_keep_it_alive() -> None:
    # Java defect: a server's own pushes keep a dead client alive.
    stage = Stage()
    alice = stage.connect("alice", seconds_ago=61, is_open=False)
    await delivery.deliver(a_publication(), [alice], outlet=stage.outlet, clock=stage.clock)

    await sweep(stage)

    assert stage.gateway.deleted == ["alice-1"]


async def test_the_silent_connection_goes_and_the_clients_other_one_stays() -> None:
    # Java defect: a reconnect elsewhere is deleted by the first node's sweep.
    stage = Stage()
    stage.connect("alice", "A", seconds_ago=61)
    newer = stage.connect("alice", "B", seconds_ago=5)

    await sweep(stage)

    assert stage.gateway.deleted == ["A"]
    assert stage.store.resolve(["alice"], now_ms=stage.clock()) == {"alice": (newer,)}


async def test_a_sign_of_life_between_reading_and_claiming_keeps_the_connection() -> None:
    stage = Stage()
    stage.connect("alice", seconds_ago=61)
    stage.store.after_read_stale = lambda: stage.store.touch("alice-1", now_ms=stage.clock())

    await sweep(stage)

    assert stage.find("alice-1") is not None
    assert stage.gateway.posts == []


async def test_two_sweeps_at_once_close_a_connection_once() -> None:
    stage = Stage()
    stage.connect("alice", seconds_ago=61)
    stage.store.after_read_stale = lambda: stage.store.forget_unseen(
        "alice-1", seen_before_ms=stage.clock(), now_ms=stage.clock()
    )

    await sweep(stage)

    assert stage.gateway.posts == []


async def test_a_limit_of_zero_is_off() -> None:
    stage = Stage()
    stage.connect("alice", seconds_ago=7000)

    report = await sweep(stage, stale_after_ms=0)

    assert report == Report()
    assert stage.store.calls == []


async def test_what_fails_for_now_is_closed_by_a_job() -> None:
    stage = Stage({"alice-1": [Outcome.UNAVAILABLE]})
    alice = stage.connect("alice", seconds_ago=61)

    await sweep(stage)

    assert stage.jobs.sent == [Sent(Eviction(connection=alice, close_code=4201, attempt=2), 1)]


async def test_more_silent_clients_than_are_closed_at_once_are_all_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeping, "STALE_PAGE", 2)
    monkeypatch.setattr(sweeping, "CLOSED_AT_ONCE", 30)
    stage = Stage()
    everybody = [stage.connect(f"client{number}", seconds_ago=61) for number in range(1000)]

    await sweep(stage)

    assert sorted(stage.gateway.deleted) == sorted(each.connection_id for each in everybody)


async def test_every_shard_is_read() -> None:
    stage = Stage()
    everybody = [stage.connect(f"client{number}", seconds_ago=61) for number in range(300)]

    await sweep(stage)

    assert sorted(stage.gateway.deleted) == sorted(each.connection_id for each in everybody)
    assert stage.store.calls.count("read_stale") == 256 // sweeping.SHARDS_AT_ONCE


async def test_stops_before_its_time_is_up_and_begins_elsewhere_in_the_next_minute() -> None:
    stage = Stage()

    await sweep(stage, remaining_ms=sweeping.RESERVE_MS - 1)

    assert stage.store.calls == ["read_stale"]
    firsts = {sweeping.first_shard(stage.clock() + minute * 60_000) for minute in range(256)}
    assert firsts == set(range(256))

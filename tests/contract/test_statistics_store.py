"""What every `StatisticsStore` promises (see `cloudpush.ports`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush.ports import Minute
from tests.contract.connection_stores import T0

if TYPE_CHECKING:
    from cloudpush.ports import StatisticsStore
    from tests.contract.kept_stores import Kept

MINUTE_MS = 60_000


@pytest.fixture
def statistics(kept: Kept) -> StatisticsStore:
    return kept.statistics


def test_counts_are_added_by_the_minute(statistics: StatisticsStore) -> None:
    statistics.add({"posts": 2, "acks": 1}, now_ms=T0)
    statistics.add({"posts": 3}, now_ms=T0 + MINUTE_MS - 1)
    statistics.add({"posts": 5}, now_ms=T0 + MINUTE_MS)

    assert statistics.read(from_ms=T0, to_ms=T0 + 2 * MINUTE_MS) == [
        Minute(at_ms=T0, counts={"posts": 5, "acks": 1}),
        Minute(at_ms=T0 + MINUTE_MS, counts={"posts": 5}),
    ]


def test_a_range_has_its_beginning_and_not_its_end(statistics: StatisticsStore) -> None:
    for minute in range(4):
        statistics.add({"posts": 1}, now_ms=T0 + minute * MINUTE_MS)

    found = statistics.read(from_ms=T0 + MINUTE_MS, to_ms=T0 + 3 * MINUTE_MS)

    assert [each.at_ms for each in found] == [T0 + MINUTE_MS, T0 + 2 * MINUTE_MS]


def test_a_range_may_cross_hours_and_name_no_whole_minutes(statistics: StatisticsStore) -> None:
    hour_ms = 60 * MINUTE_MS
    for at_ms in (T0, T0 + hour_ms - MINUTE_MS, T0 + hour_ms, T0 + 2 * hour_ms):
        statistics.add({"posts": 1}, now_ms=at_ms)

    found = statistics.read(from_ms=T0 + 1, to_ms=T0 + 2 * hour_ms + 1)

    assert [each.at_ms - T0 for each in found] == [59 * MINUTE_MS, 60 * MINUTE_MS, 2 * hour_ms]


def test_a_counter_may_go_down(statistics: StatisticsStore) -> None:
    statistics.add({"online": 2}, now_ms=T0)
    statistics.add({"online": -3}, now_ms=T0)
    statistics.add({}, now_ms=T0)

    assert statistics.read(from_ms=T0, to_ms=T0 + 1) == [Minute(at_ms=T0, counts={"online": -1})]

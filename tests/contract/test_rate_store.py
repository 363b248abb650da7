"""What every `RateStore` promises (see `cloudpush.limiting`)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cloudpush.limiting import RateStore
    from tests.contract.kept_stores import Kept

T0 = 32_503_680_000_000
"""In the year 3000: Redis drops by its own clock what is whole again."""

RATE = 10


@pytest.fixture
def rates(kept: Kept) -> RateStore:
    return kept.rates


def lease(
    rates: RateStore, tokens: int, *, at_ms: int = 0, name: str = "alice", rate: int = RATE
) -> int:
    return rates.lease(name, tokens, per_second=rate, now_ms=T0 + at_ms)


def test_five_seconds_worth_is_there_at_once_and_no_more(rates: RateStore) -> None:
    assert [lease(rates, tokens) for tokens in (49, 1, 1)] == [0, 0, 100]


def test_all_or_none_is_taken(rates: RateStore) -> None:
    assert [lease(rates, tokens) for tokens in (45, 6, 5)] == [0, 100, 0]


def test_time_brings_them_back(rates: RateStore) -> None:
    lease(rates, 50)

    assert [lease(rates, 1, at_ms=each) for each in (99, 100, 100, 5000)] == [1, 0, 100, 0]


def test_a_pause_saves_up_no_more_than_the_burst(rates: RateStore) -> None:
    lease(rates, 50)

    assert [lease(rates, tokens, at_ms=600_000) for tokens in (50, 1)] == [0, 100]


def test_each_name_has_its_own(rates: RateStore) -> None:
    lease(rates, 50)

    assert lease(rates, 50, name="bob") == 0


def test_what_is_less_than_a_millisecond_costs_one(rates: RateStore) -> None:
    assert [lease(rates, 1, rate=100_000) for _ in range(3)] == [0, 0, 0]
    assert lease(rates, 500_000, rate=100_000) == 3


def test_of_those_who_race_as_many_get_it_as_there_are_tokens(rates: RateStore) -> None:
    start = threading.Barrier(20)

    def take(_: int) -> int:
        start.wait()
        return lease(rates, 5)

    with ThreadPoolExecutor(20) as racers:
        waits = list(racers.map(take, range(20)))

    assert sorted(waits) == [0] * 10 + [500] * 10

"""What every `BudgetStore` promises (see `cloudpush.ports`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.contract.connection_stores import T0

if TYPE_CHECKING:
    from cloudpush.ports import BudgetStore
    from tests.contract.kept_stores import Kept

RATE = 1000


@pytest.fixture
def budgets(kept: Kept) -> BudgetStore:
    return kept.budgets


def waits(budgets: BudgetStore, *at_ms: int, posts: int = 400) -> list[int]:
    """Take as many posts at each of these times, and return how long each has to wait."""
    return [budgets.take(posts, rate=RATE, now_ms=T0 + each) for each in at_ms]


def test_what_is_taken_at_once_waits_for_what_was_taken_before(budgets: BudgetStore) -> None:
    assert waits(budgets, 0, 0, 0) == [0, 300, 700]


def test_time_pays_for_it(budgets: BudgetStore) -> None:
    assert waits(budgets, 0, 400, 800, 1100) == [0, 0, 0, 0]


def test_nothing_is_saved_up_beyond_a_burst(budgets: BudgetStore) -> None:
    waits(budgets, 0)

    assert waits(budgets, 60_000, 60_000) == [0, 300]


def test_slowing_down_halves_the_rate(budgets: BudgetStore) -> None:
    budgets.slow_down(now_ms=T0)

    assert waits(budgets, 0, 0) == [0, 700]


def test_those_that_slow_down_side_by_side_do_so_once(budgets: BudgetStore) -> None:
    for _ in range(5):
        budgets.slow_down(now_ms=T0)
    budgets.slow_down(now_ms=T0 + 999)

    assert waits(budgets, 0, 0) == [0, 700]


def test_a_second_later_it_is_halved_again(budgets: BudgetStore) -> None:
    budgets.slow_down(now_ms=T0)
    budgets.slow_down(now_ms=T0 + 1000)

    assert waits(budgets, 1000, 1000) == [0, math.ceil(400 / 0.275) - 100]


def test_it_recovers_by_a_twentieth_each_second(budgets: BudgetStore) -> None:
    budgets.slow_down(now_ms=T0)

    assert waits(budgets, 5000, 5000) == [0, math.ceil(400 / 0.75) - 100]
    assert waits(budgets, 20_000, 20_000) == [0, 300]


def test_single_posts_are_paid_like_many(budgets: BudgetStore) -> None:
    for _ in range(16):
        budgets.take(1, rate=8 * RATE, now_ms=T0)

    assert budgets.take(1, rate=RATE, now_ms=T0) == 0
    assert budgets.take(8 * 98, rate=8 * RATE, now_ms=T0) == 0
    assert budgets.take(1, rate=RATE, now_ms=T0) == 1


def test_what_would_wait_too_long_takes_nothing(budgets: BudgetStore) -> None:
    waits(budgets, 0, 0)
    found = [
        budgets.take(100, rate=RATE, now_ms=T0, longest_wait_ms=longest)
        for longest in (699, 699, 700, 700)
    ]

    assert found == [700, 700, 700, 800]


def test_what_is_given_back_waits_for_nobody(budgets: BudgetStore) -> None:
    waits(budgets, 0, 0)

    budgets.take(-250, rate=RATE, now_ms=T0)

    assert waits(budgets, 0) == [450]


def test_what_is_given_back_late_is_no_burst(budgets: BudgetStore) -> None:
    waits(budgets, 0)
    budgets.take(-400, rate=RATE, now_ms=T0 + 60_000)

    assert waits(budgets, 60_000, 60_000) == [0, 300]

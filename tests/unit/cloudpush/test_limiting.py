from __future__ import annotations

import pytest

from cloudpush.errors import TooManyRequests
from cloudpush.limiting import BURST_SECONDS, FREE_SHARE, LEASES_PER_SECOND, Limit
from cloudpush.stores.memory_rates import MemoryRateStore
from tests.fakes.push_service import ManualClock


class CountingRateStore(MemoryRateStore):
    """Counts the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        self.requests += 1
        return super().lease(name, tokens, per_second=per_second, now_ms=now_ms)


class Limited:
    """Environments that share one limit."""

    def __init__(self, per_second: int = 100, environments: int = 1) -> None:
        self.clock = ManualClock()
        self.store = CountingRateStore()
        self.limits = [
            Limit("messages", per_second=per_second, store=lambda: self.store, clock=self.clock)
            for _ in range(environments)
        ]

    def pass_through(self, number: int, name: str = "alice") -> int:
        """Try so often, in turn in each environment; return how often it was let pass."""
        passed = 0
        for each in range(number):
            try:
                self.limits[each % len(self.limits)].take(name)
            except TooManyRequests:
                continue
            passed += 1
        return passed


def test_who_speaks_now_and_then_costs_no_request() -> None:
    limited = Limited(per_second=100)

    for _ in range(50):
        assert limited.pass_through(2) == 2
        limited.clock.advance(ms=1000)

    assert limited.store.requests == 0


def test_a_flood_passes_up_to_the_burst_in_few_requests() -> None:
    limited = Limited(per_second=100)

    passed = limited.pass_through(100_000)

    free = 100 // FREE_SHARE
    assert passed == 100 * BURST_SECONDS + free
    assert limited.store.requests == LEASES_PER_SECOND * BURST_SECONDS + 1


def test_after_the_burst_a_flood_passes_at_the_rate() -> None:
    limited = Limited(per_second=100)
    limited.pass_through(10_000)

    passed = 0
    for _ in range(100):
        limited.clock.advance(ms=100)
        passed += limited.pass_through(1000)

    assert 100 * 10 <= passed <= (100 + 100 // FREE_SHARE) * 10 + 1


def test_environments_share_what_they_lease() -> None:
    limited = Limited(per_second=100, environments=10)

    passed = limited.pass_through(100_000)

    assert passed == 100 * BURST_SECONDS + 10 * (100 // FREE_SHARE)


def test_a_refusal_says_when_to_try_again_and_then_it_passes() -> None:
    limited = Limited(per_second=10)
    limited.pass_through(1000)

    with pytest.raises(TooManyRequests) as refused:
        limited.limits[0].take("alice")
    limited.clock.advance(ms=refused.value.retry_after_ms or 0)

    assert refused.value.retry_after_ms == 100
    limited.limits[0].take("alice")


def test_one_is_not_limited_by_another() -> None:
    limited = Limited()
    limited.pass_through(10_000)

    assert limited.pass_through(100, name="bob") == 100


def test_more_than_can_be_saved_up_passes_when_all_of_that_is_there() -> None:
    limited = Limited(per_second=10)

    limited.limits[0].take("alice", 1000)

    with pytest.raises(TooManyRequests):
        limited.limits[0].take("alice", 2)


def test_zero_is_not_limited() -> None:
    limited = Limited(per_second=0)

    assert limited.pass_through(100_000) == 100_000
    assert limited.store.requests == 0

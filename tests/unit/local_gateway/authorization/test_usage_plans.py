"""Periods, and allowances that are each key's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from local_gateway.api import ApiKey, Application, Throttle, UsagePlan
from local_gateway.authorization.errors import QuotaExceeded, RateExceeded
from local_gateway.authorization.usage_plans import UsagePlans, period_of
from tests.fakes.gateway import application

DAY_MS = 86_400_000


PLAN = UsagePlan(
    logical_id="Gold",
    plan_id="gold",
    stages=frozenset({("api", "dev")}),
    keys=("A", "B"),
)


def described(**plan: object) -> Application:
    keys = {
        name: ApiKey(logical_id=name, key_id=name, name=name, value=name, is_enabled=True)
        for name in ("A", "B")
    }
    gold = replace(PLAN, **plan)  # pyright: ignore[reportArgumentType] — what a test gives
    return application(api_keys=keys, usage_plans={"Gold": gold})


def plans(**plan: object) -> UsagePlans:
    return UsagePlans(described(**plan))


def take(of: UsagePlans, value: str, *, now: float = 0.0, now_ms: int = 0) -> str:
    return of.take(value, api_id="api", stage="dev", now=now, now_ms=now_ms).logical_id


@pytest.mark.parametrize(
    ("moment", "period", "first"),
    [
        ("2026-11-24T23:59:59", "DAY", date(2026, 11, 24)),
        ("2026-11-25T00:00:00", "DAY", date(2026, 11, 25)),
        ("2026-11-22T23:59:59", "WEEK", date(2026, 11, 16)),
        ("2026-11-23T00:00:00", "WEEK", date(2026, 11, 23)),
        ("2026-11-30T23:59:59", "MONTH", date(2026, 11, 1)),
        ("2026-12-01T00:00:00", "MONTH", date(2026, 12, 1)),
    ],
)
def test_a_period_begins_at_midnight(moment: str, period: str, first: date) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert period_of(int(at.timestamp() * 1000), period) == first


def test_each_key_has_a_quota_of_its_own() -> None:
    gold = plans(quota_limit=1, quota_period="DAY")

    assert [take(gold, "A"), take(gold, "B")] == ["A", "B"]
    with pytest.raises(QuotaExceeded, match="quota of the usage plan Gold is used up: 1 requests"):
        take(gold, "A")


def test_a_new_period_has_the_whole_quota() -> None:
    gold = plans(quota_limit=2, quota_offset=1, quota_period="DAY")
    take(gold, "A")

    assert [take(gold, "A", now_ms=DAY_MS), take(gold, "A", now_ms=DAY_MS)] == ["A", "A"]
    with pytest.raises(QuotaExceeded):
        take(gold, "A", now_ms=DAY_MS)


def test_each_key_has_a_throttle_of_its_own() -> None:
    gold = plans(throttle=Throttle(rate=1.0, burst=1))

    assert [take(gold, "A"), take(gold, "B")] == ["A", "B"]
    with pytest.raises(RateExceeded):
        take(gold, "A", now=0.9)
    assert take(gold, "A", now=1.9) == "A"


def test_what_the_throttle_refuses_is_not_taken_from_the_quota() -> None:
    gold = plans(throttle=Throttle(rate=1.0, burst=1), quota_limit=2, quota_period="DAY")
    take(gold, "A")
    with pytest.raises(RateExceeded):
        take(gold, "A")

    assert take(gold, "A", now=1.0) == "A"


def test_what_is_used_stays_used_until_the_limits_of_its_plan_change() -> None:
    gold = plans(quota_limit=1, quota_period="DAY")
    take(gold, "A")

    gold.reload(described(quota_limit=1, quota_period="DAY", keys=("A",)))
    with pytest.raises(QuotaExceeded):
        take(gold, "A")
    gold.reload(described(quota_limit=2, quota_period="DAY"))

    assert take(gold, "A") == "A"

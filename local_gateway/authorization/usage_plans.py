"""API keys and usage plans: whether a handshake's key counts, and how often it still may.

API Gateway developer guide, "Usage plans and API keys": throttle and quota are those of each key in
a plan. A period begins at midnight UTC: of the day, of Monday, of the first of the month.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local_gateway.authorization.errors import KeyRefused, QuotaExceeded, RateExceeded
from local_gateway.limits import TokenBucket

if TYPE_CHECKING:
    from datetime import date

    from local_gateway.api import ApiKey, Application, UsagePlan


class UsagePlans:
    """The API keys of an application, and what of their plans is used up."""

    __slots__ = ("_allowances", "_keys", "_plans")

    def __init__(self, application: Application) -> None:
        """Take the keys and plans; nothing is used yet."""
        self._allowances: dict[tuple[str, str], _Allowance] = {}
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Go by a changed template; what is used stays used where a plan's limits are the same."""
        self._keys = {key.value: key for key in application.api_keys.values()}
        self._plans = tuple(application.usage_plans.values())

    def take(
        self, value: str | None, *, api_id: str, stage: str, now: float, now_ms: int
    ) -> ApiKey:
        """Return the key with this value, and count a request of it.

        Args:
            value: What the client, or its authorizer, brought.
            api_id: The API that is called.
            stage: Its stage.
            now: Seconds of a steady clock, for the throttle.
            now_ms: Milliseconds since the epoch, for the quota.

        Raises:
            KeyRefused: There is no key, or it is unknown, disabled or in no plan of this stage.
            RateExceeded: The plan's throttle is reached.
            QuotaExceeded: The plan's quota is used up.
        """
        if not value:
            raise KeyRefused("there is no API key")
        key = self._keys.get(value)
        if key is None:
            raise KeyRefused("the API key is unknown")
        if not key.is_enabled:
            raise KeyRefused(f"the API key {key.logical_id} is disabled: Enabled is not true")
        for plan in self._plans:
            if key.logical_id in plan.keys and (api_id, stage) in plan.stages:
                self._allowance(plan, key).take(now, now_ms)
                return key
        raise KeyRefused(f"the API key {key.logical_id} is in no usage plan of the stage {stage}")

    def _allowance(self, plan: UsagePlan, key: ApiKey) -> _Allowance:
        name = (plan.logical_id, key.logical_id)
        allowance = self._allowances.get(name)
        if allowance is None or allowance.limits != _limits(plan):
            allowance = self._allowances[name] = _Allowance(plan)
        return allowance


def _limits(plan: UsagePlan) -> tuple[object, ...]:
    return plan.throttle, plan.quota_limit, plan.quota_period, plan.quota_offset


class _Allowance:
    """What one key may still do under one plan."""

    __slots__ = ("_bucket", "_left", "_period", "_plan", "limits")

    def __init__(self, plan: UsagePlan) -> None:
        self._plan = plan
        self.limits = _limits(plan)
        throttle = plan.throttle
        self._bucket = (
            None
            if throttle is None or throttle.rate is None
            else TokenBucket(throttle.rate, burst=throttle.burst)
        )
        self._period: date | None = None
        self._left = 0

    def take(self, now: float, now_ms: int) -> None:
        """Count a request; raises RateExceeded and QuotaExceeded, and then it doesn't count."""
        plan = self._plan
        if self._bucket is not None and not self._bucket.take(now):
            raise RateExceeded(f"the throttle of the usage plan {plan.logical_id} is reached")
        if plan.quota_limit is None or plan.quota_period is None:
            return
        period = period_of(now_ms, plan.quota_period)
        if period != self._period:
            offset = plan.quota_offset if self._period is None else 0
            self._period, self._left = period, plan.quota_limit - offset
        if self._left <= 0:
            raise QuotaExceeded(
                f"the quota of the usage plan {plan.logical_id} is used up: {plan.quota_limit} "
                f"requests a {plan.quota_period}"
            )
        self._left -= 1


def period_of(now_ms: int, period: str) -> date:
    """Return the first day of the `DAY`, `WEEK` or `MONTH` that a time is in."""
    today = datetime.fromtimestamp(now_ms // 1000, UTC).date()
    if period == "MONTH":
        return today.replace(day=1)
    return today - timedelta(days=today.weekday()) if period == "WEEK" else today

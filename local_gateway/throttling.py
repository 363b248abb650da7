"""How many requests a stage takes: token buckets of `DefaultRouteSettings` and `RouteSettings`.

Developer guide, "Protect your WebSocket APIs in API Gateway". Each route has a bucket of its own,
as each method of a REST API has under its stage's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway import clock
from local_gateway.api import Throttle
from local_gateway.integration import Throttled
from local_gateway.limits import TokenBucket

if TYPE_CHECKING:
    from local_gateway.api import Stage
    from local_gateway.integration import Call, Target

ACCOUNT_RATE: Final = 10_000.0
"""Requests per second of an account and Region: what a throttle without a rate is left with."""
ACCOUNT_BURST: Final = 5_000
"""The same for a throttle without a burst (API Gateway quotas)."""

_UNLIMITED: Final = Throttle()


class Throttles:
    """The buckets of all routes.

    A bucket outlives a changed template as long as its rate and burst stay the same: what was taken
    from it stays taken.
    """

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        """Begin without any."""
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def bucket(self, api: str, stage: Stage, route_key: str) -> TokenBucket | None:
        """Return the bucket of a route on a stage of an API, None if nothing throttles it."""
        of_stage = stage.throttle or _UNLIMITED
        of_route = stage.route_throttles.get(route_key, _UNLIMITED)
        rate = of_stage.rate if of_route.rate is None else of_route.rate
        burst = of_stage.burst if of_route.burst is None else of_route.burst
        if rate is None and burst is None:
            return None
        fresh = TokenBucket(
            ACCOUNT_RATE if rate is None else rate,
            burst=float(ACCOUNT_BURST if burst is None else burst),
        )
        place = (api, stage.name, route_key)
        known = self._buckets.get(place)
        if known is None or (known.per_second, known.burst) != (fresh.per_second, fresh.burst):
            known = self._buckets[place] = fresh
        return known


class ThrottledTarget:
    """Lets a message through that there is a token for."""

    __slots__ = ("_bucket", "_target", "timeout_ms")

    def __init__(self, target: Target, bucket: TokenBucket) -> None:
        """Take what is behind the bucket."""
        self._target = target
        self._bucket = bucket
        self.timeout_ms = target.timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        if self._bucket.take(clock.monotonic()):
            self._target.begin(call)
        else:
            call.fail(Throttled("the route's throttle has no token"))

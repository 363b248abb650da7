"""One stage of one API, compiled: what a handshake, a message and a close need of the template.

Whatever can be decided before the first message is decided here, so that a message costs what its
own route asks for and nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from local_gateway.api import CustomIntegration, LambdaProxy
from local_gateway.assumptions import DEFAULTS
from local_gateway.event import Events
from local_gateway.ids import GatewayIds
from local_gateway.integrations.lambda_proxy import LambdaProxyTarget
from local_gateway.integrations.unpermitted import UnpermittedTarget
from local_gateway.routing import CONNECT, DISCONNECT, RouteSelector
from local_gateway.throttling import ThrottledTarget
from local_gateway.validation import RequiringTarget, ValidatingTarget, required_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import Identity, Route, Stage, WebSocketApi
    from local_gateway.assumptions import Assumptions
    from local_gateway.authorization.access import Access
    from local_gateway.calls import TimedCall
    from local_gateway.deadlines import Alarm, Deadlines
    from local_gateway.integration import Target
    from local_gateway.integrations.backend import Backends
    from local_gateway.limits import TokenBucket
    from local_gateway.throttling import Throttles

    Timeouts: TypeAlias = "Callable[[int], tuple[Deadlines[TimedCall], Alarm[TimedCall]]]"
    """Takes the milliseconds after which calls are late; returns where they wait for that."""


class CompiledRoute:
    """A route, ready to be called."""

    __slots__ = ("alarm", "deadlines", "head", "is_two_way", "key", "target")

    def __init__(self, route: Route, target: Target, head: bytes, timeouts: Timeouts) -> None:
        """Take the route's integration, and the beginning of its events."""
        self.key = route.route_key
        self.target = target
        self.head = head
        """What the MESSAGE events of this route begin with."""
        self.is_two_way = route.has_route_response
        self.deadlines, self.alarm = timeouts(target.timeout_ms)


class Deployment:
    """One stage of one API."""

    __slots__ = (
        "api_id",
        "connect",
        "connect_bucket",
        "disconnect",
        "events",
        "gate",
        "ids",
        "select",
        "stage",
    )

    def __init__(  # noqa: PLR0913 — what a stage is compiled with
        self,
        api: WebSocketApi,
        stage: Stage,
        identity: Identity,
        *,
        access: Access,
        backends: Backends,
        throttles: Throttles,
        timeouts: Timeouts,
        assumptions: Assumptions = DEFAULTS,
    ) -> None:
        """Compile; raises TemplateError if the route selection expression isn't understood."""
        self.api_id = api.api_id
        self.stage = stage.name
        self.ids = GatewayIds(api.api_id)
        self.events = Events(
            api, stage, identity, takes_first=assumptions.repeated_query == "first"
        )
        bucket = partial(throttles.bucket, api.logical_id, stage)
        targets = {
            key: compile_target(route, stage, backends, assumptions, bucket(key))
            if access.lets_serve(api, stage, route)
            else UnpermittedTarget()
            for key, route in api.routes.items()
        }
        self.gate = access.gate(api, stage, events=self.events, functions=backends.functions)
        """What a handshake has to pass before `connect`; None lets everybody in."""
        self.connect = targets.get(CONNECT)
        """What decides about a handshake; without one every handshake is accepted."""
        self.connect_bucket = bucket(CONNECT)
        """What throttles handshakes, None if nothing does."""
        self.disconnect = targets.get(DISCONNECT)
        self.select = RouteSelector(
            api,
            {
                key: CompiledRoute(api.routes[key], target, self.events.message_head(key), timeouts)
                if target is not None
                else None
                for key, target in targets.items()
            },
        ).select

    def adopt(self, other: Deployment) -> None:
        """Become another one: open connections, which hold this one, go by it from now on."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


def compile_target(
    route: Route,
    stage: Stage,
    backends: Backends,
    assumptions: Assumptions,
    bucket: TokenBucket | None,
) -> Target | None:
    """Return what a route calls on this stage, None for one without an integration.

    What the route asks for in front of its integration stands there as a target of its own; a
    handshake is throttled before it gets here, and a goodbye never.
    """
    target = _compile_integration(route, stage, backends, assumptions)
    required = required_parameters(route)
    if required:
        return RequiringTarget(target, required)
    if target is None or route.route_key in {CONNECT, DISCONNECT}:
        return target
    if route.models:
        target = ValidatingTarget(target, route)
    return target if bucket is None else ThrottledTarget(target, bucket)


def _compile_integration(
    route: Route, stage: Stage, backends: Backends, assumptions: Assumptions
) -> Target | None:
    match route.integration:
        case LambdaProxy() as integration:
            function = integration.function_in(stage.name)
            return LambdaProxyTarget(backends.functions, function, integration.timeout_ms)
        case CustomIntegration() as integration:
            from local_gateway.integrations.compiling import (  # noqa: PLC0415 — its libraries take
                compile_custom,  # time that templates without it are spared
            )

            is_answered = route.has_route_response or route.route_key == CONNECT
            return compile_custom(
                integration, stage, backends, is_answered=is_answered, assumptions=assumptions
            )
        case None:
            return None

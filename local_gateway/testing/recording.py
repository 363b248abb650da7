"""What the functions were invoked with, and what they answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from local_gateway.lambdas.result import InvocationRefused
from local_gateway.testing.matching import decode

if TYPE_CHECKING:
    from local_gateway.lambdas.functions import Submit
    from local_gateway.lambdas.invocation import Invocation as Event
    from local_gateway.lambdas.result import InvokeResult


@dataclass(slots=True)
class Invocation:
    """One event of a function."""

    function: str
    """Its logical id."""
    event: Any
    """What the handler was given."""
    answer: Any = None
    """What the handler returned, or the error object if it failed; None until then."""
    error: str | None = None
    """`Unhandled` if the handler raised, timed out, crashed or never loaded; the reason if Lambda
    did not invoke it."""
    is_cold: bool = False
    """Whether it was the first event of its environment."""
    is_done: bool = False
    log: tuple[str, ...] = ()
    """The last lines that the function wrote, at most 4 KB of them."""
    duration_ms: float = 0.0

    @property
    def route_key(self) -> str | None:
        """The route that the event came by, None if it isn't an API's event."""
        key: object = self.event
        for name in ("requestContext", "routeKey"):
            key = cast("dict[str, object]", key).get(name) if isinstance(key, dict) else None
        return key if isinstance(key, str) else None

    def settle(self, result: InvokeResult | InvocationRefused) -> None:
        """Take what came of it."""
        self.is_done = True
        if isinstance(result, InvocationRefused):
            self.error = str(result)
            return
        self.answer = decode(result.payload)
        self.error = result.function_error
        self.is_cold = result.is_cold
        self.duration_ms = result.duration_ms
        self.log = tuple(result.log_tail.decode("utf-8", "replace").splitlines())


class Recorder:
    """A layer before the functions that keeps every event."""

    def __init__(self) -> None:
        self.invocations: list[Invocation] = []
        """The first first."""

    def __call__(self, function: str, submit: Submit, event: Event) -> None:
        """Keep an event, and pass it on."""
        invocation = Invocation(function, orjson.loads(event.payload))
        self.invocations.append(invocation)
        event.watch(invocation.settle)
        submit(event)

    def of(self, name: str) -> list[Invocation]:
        """Return the invocations of a function, or by a route."""
        return [each for each in self.invocations if name in {each.function, each.route_key}]

"""Faults put in the way of events, answers and posts, as long as they are switched on.

Each part that a fault concerns has one place where it calls through an attribute. Mischief puts its
own function there when a fault is switched on, and the part's own back when it is switched off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from local_gateway import clock
from local_gateway.lambdas import faults as errors
from local_gateway.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import Stage, WebSocketApi
    from local_gateway.faults import Faults
    from local_gateway.integration import Call, Target
    from local_gateway.lambdas.functions import Functions, Submit
    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.management import ManagementApi
    from local_gateway.registry import OpenConnection, Registry
    from local_gateway.session import WebSocketFront
    from local_gateway.sources import Sources

_HOLD_SECONDS: Final = 0.1
"""How long an answer is held back if nothing follows it, on the machine's clock."""
_KILLED: Final = -9


class Mischief:
    """Makes the faults of one emulator happen."""

    def __init__(
        self,
        faults: Faults,
        *,
        functions: Functions,
        sockets: WebSocketFront,
        management: ManagementApi,
        registry: Registry,
        sources: Sources,
    ) -> None:
        """Take the switch, and what it acts on."""
        self._faults = faults
        self._functions = functions
        self._sockets = sockets
        self._management = management
        self._registry = registry
        self._sources = sources
        self._remove: Callable[[], None] | None = None
        self._held: dict[Wire, deque[bytes]] = {}
        faults.on_change(self.arrange)

    def arrange(self) -> None:
        """Put in the way what is on, and nothing else."""
        on = self._faults.values.keys()
        if self._remove is not None:
            self._remove()
            self._remove = None
        if on & {"cold-start", "function-error"}:
            self._remove = self._functions.interpose(self._trouble)
        goodbyes = {"late-disconnect", "lost-disconnect", "duplicate-disconnect"}
        self._sockets.say_goodbye = self._goodbye if on & goodbyes else self._sockets.begin
        answers = {"lost-frame", "reordered-reply"}
        self._sockets.reply = self._reply if on & answers else Wire.write_text
        posts = {"post-429", "false-gone", "slow-client", "lost-frame"}
        is_unreliable = bool(on & posts)
        self._management.registry = (
            cast("Registry", UnreliableRegistry(self._registry, self._faults))
            if is_unreliable
            else self._registry
        )
        happens, sources = self._faults.happens, self._sources
        sources.repeat(partial(happens, "duplicate-record"), on="duplicate-record" in on)
        sources.reorder(partial(happens, "reordered-record"), on="reordered-record" in on)

    def _trouble(self, function: str, submit: Submit, invocation: Invocation) -> None:
        if self._faults.happens("cold-start"):
            self._functions.recycle(function)
        if self._faults.happens("function-error"):
            invocation.fail(errors.exited(invocation.request_id, _KILLED), b"")
        else:
            submit(invocation)

    def _goodbye(self, target: Target, call: Call) -> None:
        if self._faults.happens("lost-disconnect"):
            return
        begin = partial(self._sockets.begin, target, call)
        late = self._faults.value("late-disconnect")
        for _ in range(2 if self._faults.happens("duplicate-disconnect") else 1):
            if late:
                clock.call_at(clock.monotonic() + late, begin)
            else:
                begin()

    def _reply(self, wire: Wire, data: bytes) -> None:
        if self._faults.happens("lost-frame"):
            return
        if self._faults.happens("reordered-reply"):
            self._held.setdefault(wire, deque()).append(data)
            asyncio.get_running_loop().call_later(_HOLD_SECONDS, self._release, wire)
            return
        wire.write_text(data)
        self._release(wire)

    def _release(self, wire: Wire) -> None:
        for data in self._held.pop(wire, ()):
            wire.write_text(data)


class UnreliableRegistry:
    """A registry whose connections are gone, full or lossy now and then."""

    def __init__(self, registry: Registry, faults: Faults) -> None:
        """Take the true one."""
        self._registry = registry
        self._faults = faults
        self._slow: dict[str, bool] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — all else is the registry's
        """Leave what isn't a post to the registry."""
        return getattr(self._registry, name)

    def find(self, api: WebSocketApi, stage: Stage, connection_id: str) -> OpenConnection | None:
        """Find a connection, or not."""
        found = self._registry.find(api, stage, connection_id)
        if found is None or self._faults.happens("false-gone"):
            return None
        if connection_id not in self._slow:
            self._slow[connection_id] = self._faults.happens("slow-client")
        connection = UnreliableConnection(found, self._faults, is_slow=self._slow[connection_id])
        return cast("OpenConnection", connection)


class UnreliableConnection:
    """A connection whose posts fail now and then."""

    def __init__(self, connection: OpenConnection, faults: Faults, *, is_slow: bool) -> None:
        """Take the true one."""
        self._connection = connection
        self._faults = faults
        self._is_slow = is_slow

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — all else is the connection's
        """Leave what isn't a post to the connection."""
        return getattr(self._connection, name)

    def post(self, data: bytes) -> bool:
        """Send, or not."""
        if self._is_slow or self._faults.happens("post-429"):
            return False
        return self._faults.happens("lost-frame") or self._connection.post(data)

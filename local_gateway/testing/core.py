"""A gateway and its clients on the event loop of their thread: what both faces talk to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from local_gateway import clock
from local_gateway.emulator import Emulator
from local_gateway.testing.matching import decode, describe, is_like, listing
from local_gateway.testing.recording import Invocation, Recorder
from local_gateway.testing.wire import ClientWire
from local_gateway.why import Said, Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local_gateway.configuration import Options
    from local_gateway.registry import OpenConnection
    from local_gateway.testing.matching import Expected

__tracebackhide__ = True
"""pytest shows the line of the test that failed, and none of these."""

_PATIENCE_SECONDS = 10.0
_TURN_SECONDS = 0.0005
_LOG_LINES = 10


class Core:
    """One emulator, and what a test wants of it."""

    def __init__(self, options: Options) -> None:
        """Take the options; nothing is started."""
        self.log: list[str] = []
        """Every line that the functions wrote."""
        self.why = Why()
        self._emulator = Emulator(options, write_log=self.log.append, why=self.why)
        self._recorder = Recorder()
        self._clients: list[ClientCore] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._emulator.port

    @property
    def said(self) -> tuple[Said, ...]:
        """What the developer was told."""
        return self.why.said

    async def start(self) -> None:
        """Start; raises what `Emulator.start` raises."""
        await self._emulator.start()
        self._emulator.running.functions.interpose(self._recorder)

    async def stop(self) -> None:
        """Stop, and cut the clients."""
        for client in self._clients:
            client.wire.abort()
        await self._emulator.stop()

    def address(self, stage: str | None, api: str | None) -> str:
        """Return the path of a stage: the only one, unless it is named."""
        apis = self._emulator.running.application.websocket_apis
        found = [
            (each.logical_id, name)
            for each in apis.values()
            for name in each.stages
            if stage in {None, name} and api in {None, each.logical_id}
        ]
        if len(found) != 1:
            known = ", ".join(
                f"{each.logical_id}/{name}" for each in apis.values() for name in each.stages
            )
            raise LookupError(f"one stage is wanted, {len(found)} were found; there are: {known}")
        return f"/_apis/{found[0][0]}/{found[0][1]}"

    async def connect(
        self,
        *,
        stage: str | None,
        api: str | None,
        query: Mapping[str, str] | str | None,
        headers: Mapping[str, str],
        subprotocols: Iterable[str],
    ) -> ClientCore:
        """Connect a client.

        Raises:
            HandshakeRefused: The gateway refused.
        """
        text = query if isinstance(query, str) else urlencode(query or {})
        url = f"ws://127.0.0.1:{self.port}{self.address(stage, api)}{'?' if text else ''}{text}"
        loop = asyncio.get_running_loop()
        wire = ClientWire(url, headers=headers, subprotocols=subprotocols)
        await loop.create_connection(lambda: wire, "127.0.0.1", self.port)
        await wire.opened
        connection = next(
            each
            for each in self._emulator.running.registry.connections()
            if each.peer == wire.address
        )
        client = ClientCore(self, wire, connection)
        self._clients.append(client)
        return client

    async def settle(self) -> None:
        """Wait until nothing is under way, neither on a wire nor in a function nor in a queue."""
        for client in self._clients:
            await client.be_heard()
        await self._emulator.running.timekeeper.settle()
        for client in self._clients:
            await client.hear()

    async def advance(self, seconds: float) -> None:
        """Let time pass, once what the clients have sent has arrived."""
        for client in self._clients:
            await client.be_heard()
        await self._emulator.running.timekeeper.advance(seconds)
        for client in self._clients:
            await client.hear()

    async def invocations(self, name: str) -> list[Invocation]:
        """Return the invocations of a function or by a route, once nothing is under way."""
        self._check_name(name)
        await self.settle()
        return self._recorder.of(name)

    async def post(self, connection_id: str, data: object) -> int:
        """Post to a connection, and return the status."""
        body = data if isinstance(data, bytes) else encode(data).encode()
        running = self._emulator.running
        for api in running.application.websocket_apis.values():
            for stage in api.stages.values():
                if running.registry.find(api, stage, connection_id) is not None:
                    return running.management.post_to_connection(
                        api, stage, connection_id, body
                    ).status
        api = next(iter(running.application.websocket_apis.values()))
        stage = next(iter(api.stages.values()))
        return running.management.post_to_connection(api, stage, connection_id, body).status

    async def gone(self, connection_id: str) -> bool:
        """Tell whether a post to a connection would be answered 410, once nothing is under way."""
        await self.settle()
        known = {each.connection_id for each in self._emulator.running.registry.connections()}
        return connection_id not in known

    async def recycle(self, function: str) -> None:
        """Let the function's next event be a cold start."""
        running = self._emulator.running
        if function not in running.application.functions:
            known = ", ".join(running.application.functions)
            raise LookupError(f"the template has no function {function}; there are: {known}")
        running.functions.recycle(function)

    async def fault(self, faults: Mapping[str, float]) -> None:
        """Switch faults; raises InvalidFault."""
        self._emulator.running.faults.set(faults)

    async def invoke(self, function: str, event: object) -> Invocation:
        """Invoke a function as Lambda's Invoke API does."""
        invocation = Invocation(function, event)
        result = await self._emulator.running.functions.invoke(function, orjson.dumps(event))
        invocation.settle(result)
        return invocation

    async def now_ms(self) -> int:
        """Return the emulated time, in milliseconds since the epoch."""
        return clock.now_ms()

    def explain(self) -> str:
        """Write what may explain a failure: why lines, and what the functions wrote last."""
        return "\n".join(
            [
                listing("the gateway said", self.said),
                listing("the functions wrote", self.log[-_LOG_LINES:]),
            ]
        )

    def _check_name(self, name: str) -> None:
        application = self._emulator.running.application
        routes = [key for api in application.websocket_apis.values() for key in api.routes]
        http = [route.route_key for api in application.http_apis.values() for route in api.routes]
        known = [*application.functions, *routes, *http]
        if name not in known:
            raise LookupError(
                f"there is no function or route {name}; there are: {', '.join(known)}"
            )


class ClientCore:
    """One client."""

    def __init__(self, core: Core, wire: ClientWire, connection: OpenConnection) -> None:
        """Take an open connection."""
        self.wire = wire
        self.connection_id = connection.connection_id
        self._core = core
        self._connection = connection

    async def send(self, message: object) -> None:
        """Send a message."""
        self.wire.send(message if isinstance(message, str | bytes) else encode(message))

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the gateway's answer."""
        self.wire.close(code, reason)
        while not self.wire.is_lost:
            await self.wire.changed()

    async def abort(self) -> None:
        """Cut the connection, and wait until it is gone."""
        self.wire.abort()
        while not self.wire.is_lost:
            await self.wire.changed()

    async def hold(self) -> None:
        """Read nothing more."""
        self.wire.hold()

    async def release(self) -> None:
        """Read again."""
        self.wire.release()

    async def receive(self, within: float) -> Any:  # noqa: ANN401 — any JSON
        """Take the next message, decoded."""
        return await self.expect(lambda _: True, within)

    async def expect(self, expected: Expected, within: float) -> Any:  # noqa: ANN401 — any JSON
        """Take the first message that is like `expected`; those before it stay."""
        _, message = await self._find(expected, within)
        return message

    async def _find(self, expected: Expected, within: float) -> tuple[int, Any]:
        """Take a message, and return how many are before it."""
        messages = self.wire.messages
        looked = 0
        try:
            async with asyncio.timeout(within):
                while True:
                    for index in range(looked, len(messages)):
                        if is_like(messages[index], expected):
                            return index, decode(messages.pop(index))
                    looked = len(messages)
                    if self.wire.is_lost:
                        break
                    await self.wire.changed()
        except TimeoutError:
            pass
        raise AssertionError(self._failure(f"no message {describe(expected)} within {within} s"))

    async def expect_close(self, code: int | None, within: float) -> tuple[int, str]:
        """Wait for the gateway's close."""
        try:
            async with asyncio.timeout(within):
                while self.wire.closed_with is None:
                    await self.wire.changed()
        except TimeoutError:
            pass
        closed = self.wire.closed_with
        if closed is None or code not in {None, closed[0]}:
            wanted = "" if code is None else f" with {code}"
            raise AssertionError(self._failure(f"no close{wanted} within {within} s"))
        return closed

    async def expect_nothing(self, before: Expected | None, within: float) -> None:
        """Fail if a message has come that nobody has taken."""
        if before is None:
            await self._core.settle()
            count = len(self.wire.messages)
        else:
            count, _ = await self._find(before, within)
        if count:
            raise AssertionError(self._failure(f"no message was expected, {count} came"))

    async def be_heard(self) -> None:
        """Wait until the gateway has read all that was sent."""
        await _until(lambda: self.wire.is_lost or not self._is_on_its_way_there())

    async def hear(self) -> None:
        """Wait until all that the gateway has sent has been read."""
        await _until(lambda: self.wire.is_lost or not self._is_on_its_way_here())

    def _is_on_its_way_there(self) -> bool:
        return bool(self.wire.unsent_bytes or self._connection.unread_bytes)

    def _is_on_its_way_here(self) -> bool:
        return bool(self._connection.buffered_bytes or self.wire.unread_bytes)

    def _failure(self, problem: str) -> str:
        closed = self.wire.closed_with
        state = "open" if closed is None else f"closed with {closed[0]} {closed[1]!r}"
        return "\n".join(
            [
                problem,
                listing("unread messages", map(repr, self.wire.messages)),
                f"the connection {self.connection_id} is {state}",
                self._core.explain(),
            ]
        )


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for what the kernel does, of which nobody tells."""
    patience = clock.machine() + _PATIENCE_SECONDS
    await asyncio.sleep(0)
    while not is_so() and clock.machine() < patience:  # noqa: ASYNC110 — the kernel has no event for it
        await asyncio.sleep(_TURN_SECONDS)


def encode(message: object) -> str:
    """Write a message: a text as it is, anything else as JSON."""
    return message if isinstance(message, str) else orjson.dumps(message).decode()

"""The gateway as tests see it: as `async` tests do, and in `blocking` as tests without a loop do.

`make fix` writes `blocking` from `asynchronous`, which waits without blocking the test's loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local_gateway.testing.core import ClientCore, Core
    from local_gateway.testing.matching import Expected
    from local_gateway.testing.recording import Invocation
    from local_gateway.testing.thread import LoopThread
    from local_gateway.why import Said

__tracebackhide__ = True
"""pytest shows the line of the test that failed, and none of these."""

WITHIN_SECONDS = 10.0
"""How long, on the machine's clock, a message is waited for."""


class BlockingGateway:
    """A gateway that serves a template for a test."""

    def __init__(self, core: Core, thread: LoopThread) -> None:
        """Take what was started."""
        self._core = core
        self._thread = thread

    @property
    def url(self) -> str:
        """Return the URL of its HTTP side, `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._core.port}"

    def websocket_url(self, stage: str | None = None, *, api: str | None = None) -> str:
        """Return the URL of a stage, for a client of another library."""
        return f"ws://127.0.0.1:{self._core.port}{self._core.address(stage, api)}"

    @property
    def why(self) -> tuple[Said, ...]:
        """Return what the developer was told: `reason.id`, `place`, `text`, `times`."""
        return self._core.said

    @property
    def log(self) -> tuple[str, ...]:
        """Return every line that the functions wrote so far."""
        return tuple(self._core.log)

    def connect(
        self,
        *,
        stage: str | None = None,
        api: str | None = None,
        query: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Iterable[str] = (),
    ) -> BlockingClient:
        """Connect a client; `stage` and `api` (a logical id) are wanted where there are several.

        Raises:
            HandshakeRefused: The gateway refused, with a status.
        """
        client = self._thread.ask_blocking(
            self._core.connect(
                stage=stage,
                api=api,
                query=query,
                headers=headers or {},
                subprotocols=subprotocols,
            )
        )
        return BlockingClient(client, self._thread)

    def settle(self) -> None:
        """Wait until nothing is under way: no message, no function, no record of a queue."""
        self._thread.ask_blocking(self._core.settle())

    def advance(
        self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """Let time pass at once: all that falls due happens, in order (TIME-1 to TIME-9)."""
        total = seconds + 60 * minutes + 3600 * hours + 86_400 * days
        self._thread.ask_blocking(self._core.advance(total))

    def now_ms(self) -> int:
        """Return the emulated time, in milliseconds since the epoch."""
        return self._thread.ask_blocking(self._core.now_ms())

    def invocations(self, name: str) -> list[Invocation]:
        """Return what a function was invoked with, once nothing is under way.

        `name` is the function's logical id, or a route key. The first invocation is the first.
        """
        return self._thread.ask_blocking(self._core.invocations(name))

    def invoke(self, function: str, event: object) -> Invocation:
        """Invoke a function directly, as the Invoke API does."""
        return self._thread.ask_blocking(self._core.invoke(function, event))

    def post(self, connection_id: str, data: object) -> int:
        """Post to a connection as a backend does, and return the status: 200, 410, 413 or 429.

        A text or bytes are sent as they are, anything else as JSON.
        """
        return self._thread.ask_blocking(self._core.post(connection_id, data))

    def gone(self, connection_id: str) -> bool:
        """Tell whether the connection is gone, once nothing is under way."""
        return self._thread.ask_blocking(self._core.gone(connection_id))

    def fault(self, **faults: float) -> None:
        """Switch faults on, or with 0 off: `lost_frame=0.5` for `lost-frame`.

        Raises:
            InvalidFault: There is no such fault, or it can't have this value.
        """
        values = {name.replace("_", "-"): value for name, value in faults.items()}
        self._thread.ask_blocking(self._core.fault(values))

    def recycle(self, function: str) -> None:
        """Let the function's next event be a cold start."""
        self._thread.ask_blocking(self._core.recycle(function))


class BlockingClient:
    """A WebSocket client of a gateway under test."""

    def __init__(self, core: ClientCore, thread: LoopThread) -> None:
        """Take an open connection."""
        self._core = core
        self._thread = thread

    @property
    def connection_id(self) -> str:
        """Return the id that the gateway has given it."""
        return self._core.connection_id

    @property
    def subprotocol(self) -> str | None:
        """Return the subprotocol of the 101."""
        return self._core.wire.subprotocol

    def send(self, message: object) -> None:
        """Send a message: a text as it is, bytes as binary, anything else as JSON."""
        self._thread.ask_blocking(self._core.send(message))

    def receive(self, *, within: float = WITHIN_SECONDS) -> Any:  # noqa: ANN401 — any JSON
        """Take the oldest message that nobody has taken, decoded if it is JSON."""
        return self._thread.ask_blocking(self._core.receive(within))

    def expect(self, expected: Expected, *, within: float = WITHIN_SECONDS) -> Any:  # noqa: ANN401 — any JSON
        """Take the first message that is like `expected`, decoded if it is JSON.

        A text is the whole message, a pattern is found in it, an object has at least the given
        fields, a function decides. Messages before it stay, for answers have no order.

        Raises:
            AssertionError: None has come `within` seconds of the machine; it shows what came.
        """
        return self._thread.ask_blocking(self._core.expect(expected, within))

    def expect_close(
        self, code: int | None = None, *, within: float = WITHIN_SECONDS
    ) -> tuple[int, str]:
        """Wait for the gateway to close, and return its code and reason.

        Raises:
            AssertionError: It didn't, or with another code.
        """
        return self._thread.ask_blocking(self._core.expect_close(code, within))

    def expect_nothing(
        self, *, before: Expected | None = None, within: float = WITHIN_SECONDS
    ) -> None:
        """Fail if there is a message that nobody has taken.

        That is known once nothing is under way, or once the message `before` which nothing was to
        come is there, which is taken.
        """
        self._thread.ask_blocking(self._core.expect_nothing(before, within))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and wait for the gateway's answer."""
        self._thread.ask_blocking(self._core.close(code, reason))

    def abort(self) -> None:
        """Cut the connection without a word, as a network that fails does."""
        self._thread.ask_blocking(self._core.abort())

    def hold(self) -> None:
        """Read nothing more, as a client that is too slow does, until `release`."""
        self._thread.ask_blocking(self._core.hold())

    def release(self) -> None:
        """Read again."""
        self._thread.ask_blocking(self._core.release())

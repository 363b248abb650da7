"""What an invocation comes to: a result, or a refusal before anything ran."""

from __future__ import annotations

from typing import Final, NamedTuple

UNHANDLED: Final = "Unhandled"
"""`FunctionError` of everything that goes wrong in a function."""


class InvokeResult(NamedTuple):
    """What Lambda answers to a synchronous invocation."""

    payload: bytes
    """The JSON that the handler returned, or the error object (`errorType`, `errorMessage`, …)."""
    function_error: str | None
    """`Unhandled` if the handler raised, timed out, crashed or never loaded; else None."""
    request_id: str
    """A UUID: `context.aws_request_id` in the handler."""
    log_tail: bytes = b""
    """The last 4 KB of what the function wrote during this invocation, in whole bytes."""
    duration_ms: float = 0.0
    """From handing the event to the environment until its answer; without the wait for one."""
    is_cold: bool = False
    """Whether this was the first event of its environment."""


class InvocationRefused(Exception):
    """There is no result: the function is unknown or can't be started, or the emulator stops."""

"""The error objects that Lambda itself makes, where no handler's exception is behind them.

Shapes and texts as the Invoke API returns them with `FunctionError: Unhandled`; Lambda developer
guide, "Troubleshoot invocation issues", and AWS's own emulator of the Runtime API. The class of
`Sandbox.Timedout` replaced, in 2024, a bare `errorMessage` with a time in front.
"""

from __future__ import annotations

import signal

import orjson


def timed_out(request_id: str, text: str) -> bytes:
    """Return the error of an event that took too long; `text` is "Task timed out after …"."""
    return _error("Sandbox.Timedout", request_id, text)


def exited(request_id: str, status: int) -> bytes:
    """Return the error of an event whose process ended; `status` as `subprocess` has it."""
    return _error("Runtime.ExitError", request_id, exit_text(status))


def exit_text(status: int) -> str:
    """Return how a process ended in Lambda's words: `… with error: signal: killed`."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = signal.strsignal(-status) or str(-status)
    return f"Runtime exited with error: signal: {name.lower()}"


def _error(kind: str, request_id: str, text: str) -> bytes:
    return orjson.dumps(
        {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
    )

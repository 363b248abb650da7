"""`--debug FUNCTION`: a debugger attaches to the one environment of a function, and time waits.

python3.x     debugpy listens in the environment, the Debug Adapter Protocol
nodejsN.x     `node --inspect`

Each function has a port of its own, always the same, so that an editor's configuration stays. Only
one process can listen on it, so a function has one environment while it is debugged. Who stops at a
breakpoint takes longer than any timeout: the function's and those of the integrations that call it
are lifted. What else runs by the clock goes on (a connection's ten minutes, a queue's visibility).
"""

from __future__ import annotations

import importlib.util
import os
import socket
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from local_gateway.errors import StartError, TemplateError
from local_gateway.lambdas.runtimes import node_series, python_series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from local_gateway.api import Application, CustomIntegration, Function, LambdaProxy
    from local_gateway.lambdas.hosting import HostMode

PYTHON_PORT: Final = 5678
"""Where debugpy listens unless told otherwise, as its own documentation and editors have it."""
NODE_PORT: Final = 9229
"""Where `node --inspect` does."""

_HOST: Final = "127.0.0.1"
_PATIENCE_MS: Final = 86_400_000
_LAST_PORT: Final = 65_535

_Integration = TypeVar("_Integration", bound="LambdaProxy | CustomIntegration")


def choose_ports(
    asked: Mapping[str, int | None], application: Application, host_mode: HostMode
) -> dict[str, int]:
    """Return where a debugger attaches to each function, by logical id.

    Args:
        asked: The port of each function; None is the first of its language that is not taken by
            another function, 0 any free one.
        application: What declares the functions.
        host_mode: Where Python functions run.

    Raises:
        TemplateError: There is no such function, or nothing attaches to its runtime.
        StartError: debugpy is not installed, or a port is not to be had.
    """
    ports: dict[str, int] = {}
    taken = {port for port in asked.values() if port}
    for name, port in asked.items():
        function = _find(name, application)
        if python_series(function) is None:
            first = NODE_PORT
        else:
            first = PYTHON_PORT
            _check_python(name, host_mode)
        usual = next(each for each in range(first, _LAST_PORT) if each not in taken)
        ports[name] = _probe(name, usual if port is None else port)
        taken.add(ports[name])
    return ports


def without_timeouts(application: Application, functions: Collection[str]) -> Application:
    """Let the integrations that call these functions wait for a day."""
    if not functions:
        return application

    def wait(integration: _Integration) -> _Integration:
        called = {integration.function, *integration.functions.values()}
        if called.isdisjoint(functions):
            return integration
        return replace(integration, timeout_ms=_PATIENCE_MS)

    websocket_apis = {
        logical_id: replace(
            api,
            routes={
                key: replace(route, integration=route.integration and wait(route.integration))
                for key, route in api.routes.items()
            },
        )
        for logical_id, api in application.websocket_apis.items()
    }
    http_apis = {
        logical_id: replace(
            api,
            routes=tuple(
                replace(route, integration=wait(route.integration)) for route in api.routes
            ),
        )
        for logical_id, api in application.http_apis.items()
    }
    return replace(application, websocket_apis=websocket_apis, http_apis=http_apis)


def without_timeout(function: Function) -> Function:
    """Return a function whose timeout is a day."""
    return replace(function, timeout_seconds=_PATIENCE_MS // 1000)


def describe(function: Function, port: int) -> str:
    """Say where a debugger attaches, and which."""
    if node_series(function) is not None:
        return f"waits for a Node.js debugger at {_HOST}:{port}, with one environment, no timeouts"
    return f"waits for debugpy's clients at {_HOST}:{port}, with one environment, no timeouts"


def _find(name: str, application: Application) -> Function:
    function = application.functions.get(name)
    if function is None:
        raise TemplateError(
            f"--debug {name}: there is no such function",
            file=application.template,
            allowed=", ".join(sorted(application.functions)),
        )
    if python_series(function) is None and node_series(function) is None:
        raise TemplateError(
            f"--debug {name}: no debugger attaches to the runtime {function.runtime}",
            file=application.template,
            logical_id=name,
            path="Properties.Runtime",
            allowed="python3.x, nodejs18.x and later",
        )
    return function


def _check_python(name: str, host_mode: HostMode) -> None:
    if host_mode == "inline":
        raise StartError(
            f"--debug {name}: with --host-mode inline functions run in the emulator's own process; "
            "start that under your debugger, as the module local_gateway"
        )
    if importlib.util.find_spec("debugpy") is None:
        raise StartError(f"--debug {name}: debugpy is not installed: pip install debugpy")


def _probe(name: str, port: int) -> int:
    """Return a port that is free: this one, or any if it is 0."""
    try:
        with closing(socket.create_server((_HOST, port))) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StartError(
            f"--debug {name}: port {port} on {_HOST} is not to be had ({reason}); choose "
            f"another one with --debug {name}=PORT"
        ) from error

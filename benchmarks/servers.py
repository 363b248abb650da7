"""Servers as processes of their own: the local gateway, and the floor that it is compared with."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
ECHO_TEMPLATE = Path(__file__).parent / "templates" / "echo" / "template.yaml"

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class BenchmarkFailed(Exception):
    """Something did not do its work, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready."""

    pid: int
    port: int
    start_seconds: float
    """From its start until it said `ready`."""
    path: str = "/dev"
    """Where its WebSockets are: the stage `dev`, which the floor doesn't mind."""
    banner: str = ""
    """What it printed before `ready`."""

    @property
    def url(self) -> str:
        """Its WebSocket URL."""
        return f"ws://127.0.0.1:{self.port}{self.path}"


def shell_environment(**more: str) -> dict[str, str]:
    """Return the environment of a plain shell: what ours holds must not change a figure."""
    return {"PATH": os.defpath, "HOME": str(Path.home()), **more}


@contextmanager
def running_floor() -> Generator[Server]:
    """Run a bare uvicorn that echoes."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.floor", str(port)], port, {}) as server:
        yield server


@contextmanager
def running_echo(*options: str, **parameters: str) -> Generator[Server]:
    """Run the gateway with handlers that do nothing."""
    port = free_port()
    command = [*gateway_command(ECHO_TEMPLATE, port, parameters), *options]
    with running(command, port, {}) as server:
        yield server


@contextmanager
def running_service(
    store: str, *options: str, cache: Path | None = None, **parameters: str
) -> Generator[Server]:
    """Run the push service as `make dev` does; `cache` is where translated templates are kept."""
    port = free_port()
    parameters = {
        "Stage": "dev",
        "AuthMode": "none",
        "ConnectRate": "0",
        "MessageRate": "0",
        "Store": store,
        "WebSocketUrl": f"ws://127.0.0.1:{port}/dev",
        **({"RedisUrl": "embedded:valkey"} if store == "redis" else {}),
        **parameters,
    }
    environment = {"XDG_CACHE_HOME": str(cache)} if cache else {}
    command = [*gateway_command(ROOT / "template.yaml", port, parameters), *options]
    with running(command, port, environment) as server:
        yield server


def gateway_command(template: Path, port: int, parameters: Mapping[str, str]) -> list[str]:
    """Return the command that serves a template without a limit of connects."""
    pairs = [f"{name}={value}" for name, value in parameters.items()]
    return [
        *(sys.executable, "-m", "local_gateway", "--template", str(template)),
        *("--port", str(port), "--connect-rate", "0"),
        *(["--parameter-overrides", *pairs] if pairs else []),
    ]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Generator[Server]:
    """Run a command that says `ready`, with a plain shell's environment and this one."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=shell_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            try:
                banner = _wait_until_ready(process)
                yield Server(process.pid, port, time.perf_counter() - started, banner=banner)
            except BenchmarkFailed as failure:
                errors.seek(0)
                said = errors.read()[-4000:].decode(errors="replace")
                raise BenchmarkFailed(f"{failure}\n{' '.join(command)} said:\n{said}") from failure
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes]) -> str:
    """Return what it prints until a line is `ready`, and read nothing behind that."""
    assert process.stdout is not None
    patience = time.monotonic() + _START_SECONDS
    said = b""
    while b"\nready\n" not in b"\n" + said:
        left = patience - time.monotonic()
        is_readable = select.select([process.stdout], [], [], max(left, 0))[0]
        more = os.read(process.stdout.fileno(), 65_536) if is_readable else b""
        if not more:
            raise BenchmarkFailed(f"a server did not get ready in {_START_SECONDS:.0f} s")
        said += more
    return said.decode()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()

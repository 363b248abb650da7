"""Who takes part: a server with a name, a version and a way to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from benchmarks.servers import ROOT, BenchmarkFailed, Server, shell_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from contextlib import AbstractContextManager

S = TypeVar("S", bound=Server)

PLACE = ROOT / ".cache" / "peers"
"""Where `make peers` puts them."""

MODULES = PLACE / "node" / "node_modules"
FILES = Path(__file__).parent / "files"

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entrant(Generic[S]):
    """A server that takes part in a contest."""

    name: str
    """As the tables have it."""
    running: Callable[[], AbstractContextManager[S]]
    version: str = ""
    """Empty if it is ours."""
    absence: str = ""
    """Why it cannot take part, in a word or two; empty if it can."""


def npm_version(package: str) -> str:
    """Return the version of an installed npm package, empty if there is none."""
    file = MODULES / package / "package.json"
    if not shutil.which("node") or not file.exists():
        return ""
    return str(json.loads(file.read_text(encoding="utf-8"))["version"])


def debian_version(package: str, program: str) -> str:
    """Return the version of an installed Debian package, empty if its program is not there."""
    if not shutil.which("dpkg-query") or not find_program(program):
        return ""
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def find_program(name: str) -> str:
    """Return the path of a program, also of one for administrators; empty if there is none."""
    return shutil.which(name, path=f"{os.defpath}:/usr/sbin:/usr/local/bin") or ""


@contextmanager
def running_at(
    command: Sequence[str],
    port: int,
    *,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    path: str = "/",
) -> Generator[Server]:
    """Run a foreign server that is ready when it listens on a port of loopback.

    It gets a process group of its own, which is ended as a whole.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=shell_environment(**(environment or {})),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if not _is_listening(process, port):
                output.seek(0)
                said = output.read()[-4000:].decode(errors="replace")
                raise BenchmarkFailed(f"{command[0]} did not listen on {port}; it said:\n{said}")
            yield Server(process.pid, port, time.perf_counter() - started, path)
        finally:
            _end_group(process)


def _is_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    patience = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
    return False


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, wait, and kill what is left of its group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

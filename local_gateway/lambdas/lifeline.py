"""A process that knows nothing of the emulator ends with it all the same, however that ends.

The lifeline is a pipe that nobody writes to. `bootstrap` sees to its end in Python processes; here
the emulator does it for others, from outside. On Linux it asks the kernel to kill the process group
at the end of file (fcntl(2), F_SETSIG): what is asked of an open file description holds for whoever
has inherited it. Elsewhere a shell in the group waits for the end of file.
"""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas.bootstrap import signals_end_of_file

if TYPE_CHECKING:
    from collections.abc import Sequence

_WATCHED: Final = '(read -r _ < "/dev/fd/$1"; kill -9 0) & shift; exec "$@"'


class Leash:
    """Ties one process group to the lifeline: give it `keep` and `command`, then `tie` it."""

    def __init__(
        self, lifeline: int, command: Sequence[str], *, is_signalled: bool | None = None
    ) -> None:
        """Take the pipe's reading end, and what is to run; `is_signalled` is found out if None."""
        self._fd = -1
        self.command = list(command)
        """What to run."""
        self.keep = (lifeline,)
        """What it has to inherit."""
        if signals_end_of_file() if is_signalled is None else is_signalled:
            # A description of its own: the owner of the signal is one for all who share it.
            self._fd = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK)
            self.keep = (self._fd,)
        else:
            self.command = ["/bin/sh", "-c", _WATCHED, "sh", str(lifeline), *command]

    def tie(self, group: int) -> None:
        """Let the group that has started end with the lifeline."""
        if self._fd < 0:
            return
        # Should the emulator die before this line, the process loses its Runtime API, no more.
        fcntl.fcntl(self._fd, fcntl.F_SETOWN, -group)
        fcntl.fcntl(self._fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        self.close()

    def close(self) -> None:
        """Let go of the emulator's own descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

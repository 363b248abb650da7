"""What tests of several processes share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil

from local_gateway.services import guardian

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_SECONDS = 30.0


def guarded(command: Sequence[str]) -> list[str]:
    """Return what starts a command that ends with the tests, also when they are ended by force.

    Start it with a pipe for its standard input, by which it hears of that where the kernel doesn't
    see to it, and with the path of its program.
    """
    return [sys.executable, "-I", "-S", str(guardian.__file__), str(os.getpid()), *command]


def has_ended(pid: int) -> bool:
    """Wait until the process with this number is gone; False if it never is."""
    try:
        return wait_gone(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def wait_gone(process: psutil.Process) -> bool:
    """Wait until a process is gone; False if it never is.

    One that is dead counts as gone, also where its new parent never reaps it.
    """
    step = 0.01
    for _ in range(round(PATIENCE_SECONDS / step)):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            process.wait(step)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return True
        return True
    return False

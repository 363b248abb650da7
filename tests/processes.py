"""What tests of several processes share."""

from __future__ import annotations

import psutil

PATIENCE_SECONDS = 30.0


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

"""The machine that figures are made on, and whether it was ours alone."""

from __future__ import annotations

import os
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

QUIET = 0.1
"""The share of all cores that others may use while something is measured."""

_LOOK_SECONDS = 0.5
_LIBRARIES = ("uvicorn", "websockets", "uvloop", "picows")


def describe() -> str:
    """Return a sentence or two: what the figures depend on, and no date."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_cores()} cores ({_cpu_model()}), {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}; {libraries}. "
        "Load generator and servers share the cores."
    )


class Quiet:
    """Takes measurements while nobody else works.

    Neighbours halve a figure without a trace in it. So each measurement waits until the cores are
    idle, and is taken again if they were not while it ran. All of that together may take as long as
    the patience lasts.
    """

    def __init__(self, patience_seconds: float = 180.0) -> None:
        """Begin with no measurement."""
        self._patience = patience_seconds
        self.taken = 0
        self.disturbed = 0
        """Measurements that stand although others worked."""

    def take(self, measure: Callable[[], T]) -> T:
        """Return what `measure` returns when it is undisturbed, or when the patience has ended."""
        self.taken += 1
        while True:
            self._wait_until_idle()
            started, watch = time.monotonic(), _Watch()
            result = measure()
            is_quiet = watch.others() <= QUIET
            if is_quiet or self._patience <= 0:
                self.disturbed += not is_quiet
                return result
            self._patience -= time.monotonic() - started

    def _wait_until_idle(self) -> None:
        watch = _Watch()
        time.sleep(_LOOK_SECONDS)
        while watch.others() > QUIET and self._patience > 0:
            self._patience -= _LOOK_SECONDS
            watch = _Watch()
            time.sleep(_LOOK_SECONDS)

    def describe(self) -> str:
        """Return a sentence about the neighbours, empty if there were none."""
        if not self.disturbed:
            return ""
        return (
            f" Other processes used more than {QUIET:.0%} of the cores during {self.disturbed} of "
            f"the {self.taken} measurements."
        )


class _Watch:
    """How much of the cores others use from now on."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._foreign = _foreign_seconds()

    def others(self) -> float:
        """Return their share of all cores."""
        seconds = time.monotonic() - self._at
        return (_foreign_seconds() - self._foreign) / (seconds * _cores())


def _foreign_seconds() -> float:
    """Return the CPU time of the machine without that of this process and its descendants."""
    machine = psutil.cpu_times()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = ended.ru_utime + ended.ru_stime
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        times = process.cpu_times()
        ours += times.user + times.system
        if process is not me:
            ours += times.children_user + times.children_system
    return machine.user + machine.nice + machine.system - ours


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()

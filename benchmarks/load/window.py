"""What is measured: latencies, and what a server spends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from benchmarks.load.clients import now

if TYPE_CHECKING:
    from benchmarks.load import Measured


class Window:
    """The time in which it counts: latencies, and CPU time of a server and its children."""

    def __init__(self, pid: int) -> None:
        """Open it."""
        self.latencies: list[float] = []
        self._pid = pid
        self._cpu = _cpu_seconds(pid)
        self._opened = now()

    def close(self) -> Measured:
        """Return what was seen."""
        seconds, cpu = now() - self._opened, _cpu_seconds(self._pid) - self._cpu
        count = len(self.latencies)
        if not count:
            raise ConnectionError("nothing came back")
        return {
            **quantiles(self.latencies),
            "per_second": count / seconds,
            "cpu_us": cpu / count * 1e6,
        }


def quantiles(latencies: list[float]) -> Measured:
    """Return p50 and p99 in milliseconds of latencies in seconds."""
    latencies.sort()
    last = len(latencies) - 1
    return {
        name: latencies[min(last, int(share * len(latencies)))] * 1e3
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def _cpu_seconds(pid: int) -> float:
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)

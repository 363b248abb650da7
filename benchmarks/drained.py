"""What a push to a million came to, as the page has it; `drain` measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.figures import align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_PER_CPU_SECOND: Final = 20_000
MOST_TWICE: Final = 0.001
"""The share of connections that may be posted to twice, though workers are killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker, to its end or until it was killed."""

    posts: int
    cpu_seconds: float
    """From its first job on."""
    seconds: float
    first_kib: int
    """Resident, after its first hundred pages."""
    most_kib: int
    was_killed: bool

    def cells(self) -> Sequence[str]:
        """Return its row."""
        return (
            "killed" if self.was_killed else "to its end",
            f"{self.posts:,}",
            f"{self.posts / self.seconds:,.0f}",
            f"{self.posts / self.cpu_seconds:,.0f}",
            f"{self.first_kib / 1024:.1f} MiB",
            f"{self.most_kib / 1024:.1f} MiB",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """All of its workers, one after the other, and what arrived."""

    workers: Sequence[Worker]
    connections: int
    served: int
    """Connections that were posted to."""
    posts: int
    """What the sink has taken."""
    bare_per_cpu_second: float
    """Of posting alone, in the same run."""

    @property
    def per_cpu_second(self) -> float:
        """Return the posts a second of CPU, of all workers together."""
        cpu_seconds = sum(each.cpu_seconds for each in self.workers)
        return sum(each.posts for each in self.workers) / cpu_seconds

    @property
    def twice(self) -> float:
        """Return the share of connections that were posted to once more."""
        return (self.posts - self.served) / self.connections

    def rows(self) -> Iterator[Sequence[str]]:
        """Yield a row for each worker, below a head."""
        yield "worker", "posts", "a second", "a CPU second", "resident at first", "at most"
        for each in self.workers:
            yield each.cells()

    def block(self) -> str:
        """Return what stands on the page: the workers, and whether the aims are met."""
        are_all = _verdict(is_met=self.served == self.connections)
        are_few = _verdict(is_met=self.twice <= MOST_TWICE)
        is_fast = _verdict(is_met=self.per_cpu_second >= LEAST_PER_CPU_SECOND)
        twice = f"{self.posts - self.served:,}, {self.twice:.3%}, ≤ {MOST_TWICE:.1%}"
        rate = f"{self.per_cpu_second:,.0f}, ≥ {LEAST_PER_CPU_SECOND:,}"
        bare = self.bare_per_cpu_second
        beside = f"{self.per_cpu_second / bare:.0%} of the {bare:,.0f} of posting alone"
        lines = [
            f"- Served: {self.served:,} of {self.connections:,}: {are_all}.",
            f"- Posted to twice: {twice}: {are_few}.",
            f"- Posts a CPU second: {rate}: {is_fast}; {beside}.",
        ]
        return "\n".join([align(list(self.rows()), 0), "", *lines])


def _verdict(*, is_met: bool) -> str:
    return "met" if is_met else "missed"

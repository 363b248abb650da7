"""What a measurement is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.machine import Quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Effort:
    """How thoroughly to measure."""

    rounds: int = 3
    is_quick: bool = False
    quiet: Quiet = field(default_factory=Quiet)

    @property
    def seconds(self) -> float:
        """How long each round of a load runs."""
        return 1.0 if self.is_quick else 3.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One section of the page."""

    name: str
    """What `--only` and the page's markers call it."""
    title: str
    run: Callable[[Effort], Sequence[Figure]]

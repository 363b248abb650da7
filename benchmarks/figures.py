"""Figures, and the tables that they stand in."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADS = ("", "median", "range", "floor", "of floor", "aim")


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be at most, or at least."""

    limit: float
    is_most: bool
    of_ratio: bool = False
    """Whether it is the ratio to the floor that is aimed at."""

    def is_met(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value <= self.limit if self.is_most else value >= self.limit


def at_most(limit: float) -> Aim:
    """Aim at no more than this."""
    return Aim(limit, is_most=True)


def at_least(limit: float) -> Aim:
    """Aim at no less than this."""
    return Aim(limit, is_most=False)


def at_least_times_the_floor(limit: float) -> Aim:
    """Aim at no less than this ratio."""
    return Aim(limit, is_most=False, of_ratio=True)


def at_most_times_the_floor(limit: float) -> Aim:
    """Aim at no more than this ratio."""
    return Aim(limit, is_most=True, of_ratio=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a value per round, and the floor's values in the same rounds."""

    what: str
    unit: str
    values: Sequence[float]
    floor: Sequence[float] = ()
    aim: Aim | None = None

    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """How often the floor's median goes into ours; None without a floor."""
        return self.median / statistics.median(self.floor) if self.floor else None

    @property
    def is_missed(self) -> bool:
        """Whether there is an aim, and it is not met."""
        if self.aim is None:
            return False
        value = self.ratio if self.aim.of_ratio else self.median
        return value is None or not self.aim.is_met(value)

    def cells(self) -> tuple[str, ...]:
        """Return the row, one text per head."""
        ratio = self.ratio
        return (
            self.what,
            f"{write(self.median)} {self.unit}".rstrip(),
            f"{write(min(self.values))} to {write(max(self.values))}",
            f"{write(statistics.median(self.floor))} {self.unit}".rstrip() if self.floor else "",
            "" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
            self._aim(),
        )

    def _aim(self) -> str:
        if self.aim is None:
            return ""
        sign = "≤" if self.aim.is_most else "≥"
        unit = "times the floor" if self.aim.of_ratio else self.unit
        verdict = "missed" if self.is_missed else "met"
        return f"{sign} {write(self.aim.limit)} {unit}: {verdict}".replace(" :", ":")


@dataclass(slots=True)
class Rounds:
    """Collects values round by round, each under a name."""

    values: dict[str, list[float]] = field(default_factory=dict[str, "list[float]"])

    def add(self, name: str, value: float) -> None:
        """Add the value of one round."""
        self.values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> list[float]:
        """Return the values of a name, in the order of the rounds."""
        return self.values[name]


def write(value: float) -> str:
    """Write a number with three digits that count, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def write_table(figures: Iterable[Figure]) -> str:
    """Write figures as a table in Markdown."""
    return align([HEADS, *(figure.cells() for figure in figures)])


def align(rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Write rows, the first being the heads, as a table in Markdown to be read as it stands.

    The first `texts` columns are texts, all others numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = [
        "-" * width if at < texts else "-" * (width - 1) + ":" for at, width in enumerate(widths)
    ]
    lines = (rows[0], rule, *rows[1:])
    return "\n".join(_line(cells, widths, texts) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int], texts: int) -> str:
    aligned = [
        f"{cell:<{width}}" if at < texts else f"{cell:>{width}}"
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(aligned) + " |"

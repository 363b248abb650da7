"""What a contest finds: medians beside each other, and what they say about an aim."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.figures import align, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of figure."""

    key: str
    title: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One table: a row an entrant, a median a column, and its ratio to the first row's."""

    title: str
    columns: Sequence[Column]
    values: Mapping[str, Mapping[str, Sequence[float]]]
    """By entrant and by column: a value per round. The first entrant is ours."""

    def median(self, entrant: str, key: str) -> float | None:
        """Return a median, or None if that entrant has no value."""
        values = self.values.get(entrant, {}).get(key)
        return statistics.median(values) if values else None

    def write(self) -> str:
        """Write the table in Markdown under its title."""
        heads = ["", *(head for column in self.columns for head in (column.title, "of ours"))]
        first = next(iter(self.values))
        rows = [
            [
                entrant,
                *(cell for column in self.columns for cell in self._cells(entrant, first, column)),
            ]
            for entrant in self.values
        ]
        return f"{self.title}:\n\n{align([heads, *rows])}"

    def _cells(self, entrant: str, first: str, column: Column) -> tuple[str, str]:
        median, ours = self.median(entrant, column.key), self.median(first, column.key)
        if median is None:
            return "-", ""
        ratio = "" if entrant == first or not ours else f"{median / ours:.2f}"
        return f"{write(median)} {column.unit}".rstrip(), ratio


@dataclass(frozen=True, slots=True)
class Verdict:
    """An aim, and whether the figures reach it."""

    aim: str
    found: str
    is_met: bool

    def cells(self) -> tuple[str, str, str]:
        """Return the row of the table of aims."""
        return self.aim, self.found, "met" if self.is_met else "missed"


@dataclass(slots=True)
class Result:
    """All that a contest has to say."""

    rankings: list[Ranking]
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    versions: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    """Who did not take part, and why."""
    failures: list[str] = field(default_factory=list[str])
    """Who took part until it failed, when, and at what."""

    def write(self) -> str:
        """Write everything in Markdown."""
        parts = [ranking.write() for ranking in self.rankings]
        if self.verdicts:
            heads = ("aim", "found", "")
            parts.append(align([heads, *(verdict.cells() for verdict in self.verdicts)], 2))
        if self.versions:
            parts.append(f"With {', '.join(self.versions)}.")
        parts += [f"Left out: {skipped}." for skipped in self.skipped]
        parts += [f"Failed: {failure}." for failure in self.failures]
        return "\n\n".join(parts)


def compare(
    ranking: Ranking, aim: str, key: str, ours: str, peer: str, least: float
) -> list[Verdict]:
    """Judge "ours is at least `least` times the peer's"; nothing if one of them is not there."""
    mine, other = ranking.median(ours, key), ranking.median(peer, key)
    if mine is None or other is None:
        return []
    found = f"{write(mine)} and {write(other)}: {mine / other:.2f}"
    return [Verdict(aim, found, mine / other >= least)]


def compare_times(
    ranking: Ranking, aim: str, key: str, ours: str, peer: str, most: float = 1.0
) -> list[Verdict]:
    """Judge "ours takes at most `most` times the peer's"; nothing if one of them is not there."""
    mine, other = ranking.median(ours, key), ranking.median(peer, key)
    if mine is None or other is None:
        return []
    found = f"{write(mine)} and {write(other)} ms: {mine / other:.2f}"
    return [Verdict(aim, found, mine / other <= most)]

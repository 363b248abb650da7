"""What functions count, for Prometheus: their log lines in CloudWatch's embedded metric format.

A function that writes a JSON object with `_aws` to its log publishes metrics («Specification:
Embedded metric format», Amazon CloudWatch User Guide). CloudWatch keeps of each, by namespace and
dimensions, how many values there were and their sum; so does this, since the emulator started:

    unit                        becomes
    Seconds, Milli-, Micro-     a histogram NAMESPACE_NAME_seconds, of fixed buckets
    any other                   a summary NAMESPACE_NAME, and the gauge NAMESPACE_NAME_last

Dimensions become labels. What is no such object, or would be more than `MAX_SERIES`, is counted
and else passed over, as CloudWatch does: it never fails the function.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_SERIES: Final = 1_000
"""So many combinations of a metric and its labels are kept: a label that has a value for each
connection is a mistake, on AWS an expensive one."""

MAX_VALUES: Final = 100
"""Values of one metric in one line (the specification, «Target members»)."""

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
"""Upper bounds in seconds, from a fast reply to the life of a connection."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus's text format («Exposition formats»)."""

_MARK: Final = '"_aws"'
_SECONDS: Final = {"Seconds": 1.0, "Milliseconds": 1e-3, "Microseconds": 1e-6}
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_]")

Labels = tuple[tuple[str, str], ...]


class _Invalid(Exception):
    """A line is not what the specification allows."""


@dataclass(slots=True)
class _Series:
    """The values of one metric with one set of labels."""

    count: int = 0
    total: float = 0.0
    last: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.last = value
        at = bisect_left(BUCKETS, value)
        if at < len(BUCKETS):
            self.buckets[at] += 1


class Metrics:
    """All metrics of all functions, since the emulator started."""

    def __init__(self) -> None:
        self._times: dict[str, dict[Labels, _Series]] = {}
        self._others: dict[str, dict[Labels, _Series]] = {}
        self._series = 0
        self._dropped = 0
        self._invalid = 0

    def reading(
        self, write_line: Callable[[str], None], *, passes_on: bool = True
    ) -> Callable[[str], None]:
        """Return what takes log lines, reads those that are metrics, and passes the others on.

        With `passes_on` it passes on all of them.
        """

        def write(line: str) -> None:
            is_read = _MARK in line and self.read(line)
            if passes_on or not is_read:
                write_line(line)

        return write

    def read(self, line: str) -> bool:
        """Take a log line, with or without a prefix, whose JSON object has `_aws`.

        False if it is not what the specification allows.
        """
        _, brace, rest = line.partition("{")
        try:
            document: object = orjson.loads(brace + rest)
            values = list(_values_in(document))
        except (orjson.JSONDecodeError, _Invalid):
            self._invalid += 1
            return False
        for name, labels, unit, numbers in values:
            factor = _SECONDS.get(unit)
            family = self._others if factor is None else self._times
            series = self._find(family, name if factor is None else f"{name}_seconds", labels)
            if series is None:
                self._dropped += len(numbers)
                continue
            for number in numbers:
                series.add(number * (factor or 1.0))
        return True

    def _find(
        self, family: dict[str, dict[Labels, _Series]], name: str, labels: Labels
    ) -> _Series | None:
        found = family.setdefault(name, {})
        series = found.get(labels)
        if series is None and self._series < MAX_SERIES:
            self._series += 1
            series = found[labels] = _Series()
        return series

    def write(self) -> str:
        """Return all of them in Prometheus's text format."""
        lines: list[str] = []
        for name, found in sorted(self._times.items()):
            if found:
                lines += [f"# TYPE {name} histogram", *_histogram_lines(name, found)]
        for name, found in sorted(self._others.items()):
            if found:
                lines += [f"# TYPE {name} summary", *_summary_lines(name, found)]
                lines.append(f"# TYPE {name}_last gauge")
                lines += [
                    f"{name}_last{_written(labels)} {series.last:.15g}"
                    for labels, series in sorted(found.items())
                ]
        lines += [
            "# TYPE local_gateway_metrics_dropped_total counter",
            f"local_gateway_metrics_dropped_total {self._dropped}",
            "# TYPE local_gateway_metrics_invalid_total counter",
            f"local_gateway_metrics_invalid_total {self._invalid}",
        ]
        return "\n".join(lines) + "\n"


def _values_in(document: object) -> Iterator[tuple[str, Labels, str, list[float]]]:
    """Yield the name, labels, unit and numbers of each metric of an object.

    Raises:
        _Invalid: a part of it is not as specified.
    """
    try:
        members = cast("dict[str, Any]", document)
        for directive in members["_aws"]["CloudWatchMetrics"]:
            namespace: str = directive["Namespace"]
            for metric in directive["Metrics"]:
                name: str = metric["Name"]
                numbers = _numbers(members[name])
                for dimensions in directive["Dimensions"]:
                    labels = tuple(
                        sorted((_safe(each), _text(members[each])) for each in dimensions)
                    )
                    full_name = f"{_safe(namespace)}_{_safe(name)}"
                    yield full_name, labels, metric.get("Unit", "None"), numbers
    except (KeyError, TypeError, AttributeError) as error:
        raise _Invalid from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Invalid
    return value


def _numbers(value: object) -> list[float]:
    found: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    numbers = [
        float(each)
        for each in found
        if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    if len(numbers) != len(found) or len(numbers) > MAX_VALUES:
        raise _Invalid
    return numbers


def _histogram_lines(name: str, found: dict[Labels, _Series]) -> Iterator[str]:
    for labels, series in sorted(found.items()):
        below = 0
        for bound, number in zip(BUCKETS, series.buckets, strict=True):
            below += number
            yield f"{name}_bucket{_written((*labels, ('le', f'{bound:g}')))} {below}"
        yield f"{name}_bucket{_written((*labels, ('le', '+Inf')))} {series.count}"
        yield f"{name}_sum{_written(labels)} {series.total:.15g}"
        yield f"{name}_count{_written(labels)} {series.count}"


def _summary_lines(name: str, found: dict[Labels, _Series]) -> Iterator[str]:
    for labels, series in sorted(found.items()):
        yield f"{name}_sum{_written(labels)} {series.total:.15g}"
        yield f"{name}_count{_written(labels)} {series.count}"


def _written(labels: Labels) -> str:
    """Write labels; backslash, quote and line feed are escaped («Text format details»)."""
    if not labels:
        return ""
    pairs = (
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels
    )
    return "{" + ",".join(pairs) + "}"


def _safe(name: str) -> str:
    """Return a name as Prometheus takes it."""
    safe = _NOT_IN_NAMES.sub("_", name)
    return f"_{safe}" if safe[:1].isdigit() else safe

"""AWS's schedule expressions: when does `rate(5 minutes)` or `cron(0 9 ? * MON-FRI *)` fire next.

Pure functions of text and time, in UTC. The grammar is that of the EventBridge user guide, "Setting
a schedule pattern", which isn't Unix cron: six fields, Sunday is 1, `?` stands in one of the two
day fields, and `L`, `W` and `#` pick days of a month.

    field         values             wildcards
    minutes       0-59               , - * /
    hours         0-23               , - * /
    day of month  1-31               , - * ? / L W
    month         1-12 or JAN-DEC    , - * /
    day of week   1-7 or SUN-SAT     , - * ? / L #
    year          1970-2199          , - * /
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Days = Callable[[int, int], set[int]]
    """The days of a month (year, month) that a part of a field picks."""

_UNITS_MS: Final = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_CRON_FIELDS = 6
_SATURDAY = 7
_WEEK = 7


class InvalidExpression(ValueError):
    """A schedule expression that AWS would refuse; the text says why."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate(…)`: every so often, counted from when the schedule was made."""

    period_ms: int

    def following(self, due_ms: int, now_ms: int) -> int:
        """Return the first time after both `due_ms`, when it fired last, and `now_ms`."""
        missed = max(0, now_ms - due_ms) // self.period_ms
        return due_ms + (missed + 1) * self.period_ms


@dataclass(frozen=True, slots=True)
class At:
    """`at(…)`: once, of EventBridge Scheduler alone."""

    at_ms: int

    def following(self, due_ms: int, now_ms: int) -> int | None:
        """Return the one time, None if it has passed."""
        return self.at_ms if self.at_ms > max(due_ms, now_ms) else None


@dataclass(frozen=True, slots=True)
class Cron:
    """`cron(…)`: the minutes that match all fields."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[Days, ...]
    """Any of them; the field with `?` is not among them."""
    months: tuple[int, ...]
    years: tuple[int, ...]

    def following(self, due_ms: int, now_ms: int) -> int | None:
        """Return the first matching minute after both times, None if there is none until 2199."""
        seconds = max(due_ms, now_ms) // 1000
        first = datetime.fromtimestamp(seconds, UTC).replace(second=0) + timedelta(minutes=1)
        for year in self.years:
            if year >= first.year:
                for month in self.months:
                    if (year, month) >= (first.year, first.month):
                        found = self._in_month(year, month, first)
                        if found is not None:
                            return int(found.timestamp()) * 1000
        return None

    def _in_month(self, year: int, month: int, first: datetime) -> datetime | None:
        picked: set[int] = set()
        for days in self.days:
            picked |= days(year, month)
        for day in sorted(picked):
            if date(year, month, day) >= first.date():
                for hour in self.hours:
                    for minute in self.minutes:
                        found = datetime(year, month, day, hour, minute, tzinfo=UTC)
                        if found >= first:
                            return found
        return None


@lru_cache(maxsize=256)
def parse(expression: str, *, kind: str = "rule") -> Rate | At | Cron:
    """Read an expression; `kind` is `rule` (EventBridge) or `scheduler`, which takes a bit more.

    Raises:
        InvalidExpression: AWS would refuse it.
    """
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if match is None or (match[1] == "at" and kind != "scheduler"):
        raise InvalidExpression(f"{expression!r} is no schedule expression")
    if match[1] == "rate":
        return _parse_rate(expression, match[2], is_strict=kind == "rule")
    if match[1] == "at":
        return _parse_at(expression, match[2])
    return _parse_cron(expression, match[2])


def _parse_rate(expression: str, text: str, *, is_strict: bool) -> Rate:
    match = re.fullmatch(r"\s*([1-9][0-9]*)\s+(minute|hour|day)(s?)\s*", text)
    if match is None:
        raise InvalidExpression(
            f"{expression!r}: a rate is a positive integer and minutes, hours or days"
        )
    value, is_plural = int(match[1]), bool(match[3])
    if is_strict and is_plural != (value > 1):
        unit = match[2] if value == 1 else f"{match[2]}s"
        raise InvalidExpression(f"{expression!r}: write rate({value} {unit})")
    return Rate(value * _UNITS_MS[match[2]])


def _parse_at(expression: str, text: str) -> At:
    try:
        at = datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidExpression(f"{expression!r}: write at(yyyy-mm-ddThh:mm:ss)") from error
    return At(int(at.timestamp()) * 1000)


def _parse_cron(expression: str, text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != _CRON_FIELDS:
        raise InvalidExpression(f"{expression!r} has {len(fields)} fields, not six")
    minutes, hours, day_of_month, month, day_of_week, year = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise InvalidExpression(
            f"{expression!r}: exactly one of day-of-month and day-of-week must be ?"
        )
    try:
        if day_of_month == "?":
            days = tuple(_weekdays(part) for part in day_of_week.split(","))
        else:
            days = tuple(_days_of_month(part) for part in day_of_month.split(","))
        return Cron(
            minutes=_numbers(minutes, _Range("minutes", 0, 59)),
            hours=_numbers(hours, _Range("hours", 0, 23)),
            days=days,
            months=_numbers(month, _Range("month", 1, 12, _MONTHS)),
            years=_numbers(year, _Range("year", 1970, 2199)),
        )
    except InvalidExpression as error:
        raise InvalidExpression(f"{expression!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Range:
    """The numbers that a field may hold, and names for the first of them."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_DAY_OF_MONTH: Final = _Range("day-of-month", 1, 31)
_DAY_OF_WEEK: Final = _Range("day-of-week", 1, 7, _WEEKDAYS)


def _numbers(field: str, allowed: _Range) -> tuple[int, ...]:
    """Return what a field of numbers picks, ascending."""
    picked: set[int] = set()
    for part in field.split(","):
        picked |= _part(part, allowed)
    return tuple(sorted(picked))


def _part(part: str, allowed: _Range) -> set[int]:
    """Return what `*`, `a`, `a-b`, `*/n`, `a/n` or `a-b/n` picks; `a/n` runs from a to the last."""
    span, slash, step_text = part.partition("/")
    step = _number(step_text, _Range(f"step of {allowed.name}", 1, allowed.last)) if slash else 1
    low_text, dash, high_text = span.partition("-")
    if span == "*":
        low, high = allowed.first, allowed.last
    else:
        low = _number(low_text, allowed)
        alone = allowed.last if slash else low
        high = _number(high_text, allowed) if dash else alone
    if low > high:
        raise InvalidExpression(f"{part!r} in {allowed.name} runs backwards")
    return set(range(low, high + 1, step))


def _number(text: str, allowed: _Range) -> int:
    if text in allowed.names:
        return allowed.first + allowed.names.index(text)
    if not re.fullmatch(r"[0-9]{1,4}", text) or not allowed.first <= int(text) <= allowed.last:
        limits = f"{allowed.first}-{allowed.last}"
        raise InvalidExpression(f"{text!r} in {allowed.name} is not in {limits}")
    return int(text)


def _days_of_month(part: str) -> Days:
    if part == "L":
        return lambda year, month: {monthrange(year, month)[1]}
    if part.endswith("W"):
        wanted = _number(part[:-1], _DAY_OF_MONTH)
        return lambda year, month: _nearest_weekday(year, month, wanted)
    numbers = _part(part, _DAY_OF_MONTH)
    return lambda year, month: {day for day in numbers if day <= monthrange(year, month)[1]}


def _nearest_weekday(year: int, month: int, wanted: int) -> set[int]:
    """Return the Monday to Friday nearest to a day, within its month; nothing if it lacks the day.

    A Saturday moves to Friday and a Sunday to Monday, unless that is in another month.
    """
    last = monthrange(year, month)[1]
    if wanted > last:
        return set()
    weekday = date(year, month, wanted).isoweekday()
    if weekday == 6:  # noqa: PLR2004 — Saturday
        return {wanted - 1 if wanted > 1 else wanted + 2}
    if weekday == 7:  # noqa: PLR2004 — Sunday
        return {wanted + 1 if wanted < last else wanted - 2}
    return {wanted}


def _weekdays(part: str) -> Days:
    if "/" in part:
        raise InvalidExpression(f"{part!r}: day-of-week has no steps")
    if part == "L":
        return lambda year, month: _all_of(year, month, {_SATURDAY})
    day_text, hash_sign, nth_text = part.partition("#")
    if hash_sign:
        day = _number(day_text, _DAY_OF_WEEK)
        nth = _number(nth_text, _Range("instance of day-of-week", 1, 5))
        return lambda year, month: _nth(year, month, day, nth)
    if part.endswith("L"):
        day = _number(part[:-1], _DAY_OF_WEEK)
        return lambda year, month: {max(_all_of(year, month, {day}))}
    numbers = _part(part, _DAY_OF_WEEK)
    return lambda year, month: _all_of(year, month, numbers)


def _nth(year: int, month: int, day: int, nth: int) -> set[int]:
    of_month = sorted(_all_of(year, month, {day}))
    return set(of_month[nth - 1 : nth])


def _all_of(year: int, month: int, weekdays: set[int]) -> set[int]:
    """Return the days of a month that fall on the given days of the week, Sunday being 1."""
    last = monthrange(year, month)[1]
    of_first = date(year, month, 1).isoweekday()
    return {day for day in range(1, last + 1) if (of_first + day - 1) % _WEEK + 1 in weekdays}

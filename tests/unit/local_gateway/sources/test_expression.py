from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_gateway.sources.expression import InvalidExpression, Rate, parse


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def text(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def next_fire(expression: str, after_ms: int) -> int | None:
    return parse(expression, kind="scheduler").following(after_ms, after_ms)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # The examples of the EventBridge user guide.
        ("cron(0 10 * * ? *)", "2026-11-23T10:00:00", "2026-11-24T10:00"),
        ("cron(15 12 * * ? *)", "2026-11-23T10:00:00", "2026-11-23T12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00:00", "2026-11-30T18:00"),
        ("cron(0 8 1 * ? *)", "2026-11-23T10:00:00", "2026-12-01T08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-23T10:07:31", "2026-11-23T10:15"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-27T23:50:00", "2026-11-30T00:00"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-23T17:55:00", "2026-11-24T08:00"),
        ("cron(0/30 20-2 ? * MON-FRI *)", "2026-11-23T17:55:00", "error"),
        ("cron(15 10 ? * 6L 2022-2023)", "2022-01-01T00:00:00", "2022-01-28T10:15"),
        ("cron(15 10 ? * 6L 2022-2023)", "2023-12-29T10:15:00", None),
        # Strictly after, and at whole minutes.
        ("cron(* * * * ? *)", "2026-11-23T10:00:00", "2026-11-23T10:01"),
        ("cron(* * * * ? *)", "2026-11-23T10:00:59", "2026-11-23T10:01"),
        # Names and numbers: Sunday is 1.
        ("cron(0 0 ? * 1 *)", "2026-11-23T00:00:00", "2026-11-29T00:00"),
        ("cron(0 0 ? * sun *)", "2026-11-23T00:00:00", "2026-11-29T00:00"),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-11-23T00:00:00", "2027-01-01T00:00"),
        # L, W and #.
        ("cron(0 0 L * ? *)", "2024-02-01T00:00:00", "2024-02-29T00:00"),
        ("cron(0 0 L * ? *)", "2026-02-01T00:00:00", "2026-02-28T00:00"),
        ("cron(0 0 ? * L *)", "2026-11-23T00:00:00", "2026-11-28T00:00"),
        ("cron(0 9 ? * 2#1 *)", "2026-11-23T00:00:00", "2026-12-07T09:00"),
        ("cron(0 9 ? * THU#5 *)", "2026-11-01T00:00:00", "2026-12-31T09:00"),
        ("cron(0 9 3W * ? *)", "2026-10-01T00:00:00", "2026-10-02T09:00"),  # the 3rd is a Saturday
        ("cron(0 9 1W * ? *)", "2026-08-01T00:00:00", "2026-08-03T09:00"),  # stays in its month
        ("cron(0 9 31W * ? *)", "2026-05-01T00:00:00", "2026-05-29T09:00"),  # a Sunday, the last
        ("cron(0 9 15W * ? *)", "2026-11-01T00:00:00", "2026-11-16T09:00"),  # a Sunday
        ("cron(0 9 30W 2 ? *)", "2026-01-01T00:00:00", None),
        # Days that not every month or year has.
        ("cron(0 0 31 * ? *)", "2026-04-01T00:00:00", "2026-05-31T00:00"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00", "2028-02-29T00:00"),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00:00", None),
        ("cron(0 0 1 1 ? 2030-2035/5)", "2030-01-01T00:00:00", "2035-01-01T00:00"),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00:00", None),
        ("rate(1 minute)", "2026-11-23T10:00:07", "2026-11-23T10:01"),
        ("rate(5 hours)", "2026-11-23T10:00:00", "2026-11-23T15:00"),
        ("rate(2 days)", "2026-11-23T10:00:00", "2026-11-25T10:00"),
        ("at(2026-11-23T10:30:00)", "2026-11-23T10:00:00", "2026-11-23T10:30"),
        ("at(2026-11-23T10:30:00)", "2026-11-23T10:30:00", None),
    ],
)
def test_next_fire(expression: str, after: str, expected: str | None) -> None:
    try:
        found = text(next_fire(expression, ms(after)))
    except InvalidExpression:
        found = "error"

    assert found == expected


def test_a_rate_counts_from_the_second_of_its_start() -> None:
    found = next_fire("rate(1 minute)", ms("2026-11-23T10:00:07") + 250)

    assert found == ms("2026-11-23T10:01:07") + 250


@pytest.mark.parametrize(
    ("expression", "kind", "problem"),
    [
        ("every minute", "rule", "is no schedule expression"),
        ("at(2026-11-23T10:30:00)", "rule", "is no schedule expression"),
        ("at(tomorrow)", "scheduler", "write at(yyyy-mm-ddThh:mm:ss)"),
        ("rate(0 minutes)", "rule", "a positive integer"),
        ("rate(5 seconds)", "rule", "minutes, hours or days"),
        ("rate(1 minutes)", "rule", "write rate(1 minute)"),
        ("rate(5 minute)", "rule", "write rate(5 minutes)"),
        ("cron(0 10 * * ?)", "rule", "has 5 fields, not six"),
        ("cron(0 10 * * * *)", "rule", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(0 10 ? * ? *)", "rule", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(60 10 * * ? *)", "rule", "'60' in minutes is not in 0-59"),
        ("cron(0 24 * * ? *)", "rule", "'24' in hours is not in 0-23"),
        ("cron(0 10 0 * ? *)", "rule", "'0' in day-of-month is not in 1-31"),
        ("cron(0 10 * 13 ? *)", "rule", "'13' in month is not in 1-12"),
        ("cron(0 10 ? * 0 *)", "rule", "'0' in day-of-week is not in 1-7"),
        ("cron(0 10 ? * 2/2 *)", "rule", "'2/2': day-of-week has no steps"),
        ("cron(0 10 ? * MON#6 *)", "rule", "'6' in instance of day-of-week is not in 1-5"),
        ("cron(0 10 * * ? 1969)", "rule", "'1969' in year is not in 1970-2199"),
        ("cron(*/0 10 * * ? *)", "rule", "'0' in step of minutes is not in 1-59"),
        ("cron(, 10 * * ? *)", "rule", "'' in minutes"),
        ("cron(0 17-9 * * ? *)", "rule", "'17-9' in hours runs backwards"),
        ("cron(0 ² * * ? *)", "rule", "'²' in hours"),
    ],
)
def test_what_aws_would_refuse_is_refused_in_words(
    expression: str, kind: str, problem: str
) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(expression, kind=kind)

    assert problem in str(caught.value)
    assert expression in str(caught.value)


def test_scheduler_takes_a_rate_in_singular_and_plural() -> None:
    assert parse("rate(1 minutes)", kind="scheduler") == Rate(60_000)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23T10:00:00", "2026-11-23T10:05"),  # on time
        ("2026-11-23T10:04:59", "2026-11-23T10:05"),  # late
        ("2026-11-23T10:23:00", "2026-11-23T10:25"),  # four were missed: in step all the same
    ],
)
@pytest.mark.parametrize("expression", ["rate(5 minutes)", "cron(0/5 * * * ? *)"])
def test_what_was_missed_is_skipped_without_losing_step(
    expression: str, now: str, expected: str
) -> None:
    following = parse(expression).following(ms("2026-11-23T10:00:00"), ms(now))

    assert text(following) == expected


moments = st.datetimes(datetime(1999, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001 — made aware below
minutes = st.sets(st.integers(0, 59), min_size=1, max_size=4)
hours = st.sets(st.integers(0, 23), min_size=1, max_size=3)
months = st.sets(st.integers(1, 12), min_size=1, max_size=4)
weekdays = st.sets(st.integers(1, 7), min_size=1, max_size=3)


def joined(numbers: set[int]) -> str:
    return ",".join(map(str, numbers))


@given(moments, minutes, hours, months, weekdays)
def test_the_next_fire_is_the_first_minute_that_matches(
    moment: datetime, m: set[int], h: set[int], mon: set[int], dow: set[int]
) -> None:
    after = moment.replace(tzinfo=UTC)
    expression = f"cron({joined(m)} {joined(h)} ? {joined(mon)} {joined(dow)} *)"

    found = next_fire(expression, int(after.timestamp() * 1000))

    assert found is not None
    at = datetime.fromtimestamp(found / 1000, UTC)
    assert at > after
    assert (at.second, at.microsecond) == (0, 0)
    assert _matches(at, m, h, mon, dow)
    assert not any(_matches(t, m, h, mon, dow) for t in _candidates(after, at, m, h))


def _matches(at: datetime, m: set[int], h: set[int], mon: set[int], dow: set[int]) -> bool:
    weekday = at.isoweekday() % 7 + 1
    return at.minute in m and at.hour in h and at.month in mon and weekday in dow


def _candidates(after: datetime, until: datetime, m: set[int], h: set[int]) -> list[datetime]:
    """Return the times of the given hours and minutes between two times, on whatever day."""
    days = [after.date() + timedelta(d) for d in range((until.date() - after.date()).days + 1)]
    times = [
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
        for day in days
        for hour in h
        for minute in m
    ]
    return [time for time in times if after < time < until]

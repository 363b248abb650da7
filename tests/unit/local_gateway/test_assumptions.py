"""What may be assumed otherwise, and that the clauses say so."""

from __future__ import annotations

import re

import pytest

from local_gateway import assumptions, clauses
from local_gateway.assumptions import DEFAULTS, Assumptions, UnknownAssumption


def test_nothing_chosen_is_what_the_clauses_say() -> None:
    assert assumptions.read([]) == DEFAULTS


def test_the_last_of_a_name_counts() -> None:
    read = assumptions.read(["ping=activity", "ping=not-activity", "repeated-query=first"])

    assert read == Assumptions(ping="not-activity", repeated_query="first")


def test_the_first_choice_is_the_default() -> None:
    for name, values in assumptions.choices().items():
        assert getattr(DEFAULTS, name.replace("-", "_")) == values[0]


@pytest.mark.parametrize("pair", ["", "ping", "pong=activity", "plain_request=426", "=x"])
def test_an_unknown_name_lists_those_that_there_are(pair: str) -> None:
    with pytest.raises(UnknownAssumption, match=r"ping=…") as raised:
        assumptions.read([pair])

    assert repr(pair) in str(raised.value)


@pytest.mark.parametrize("value", ["", "Activity", "no"])
def test_an_unknown_value_lists_those_that_there_are(value: str) -> None:
    with pytest.raises(UnknownAssumption) as raised:
        assumptions.read([f"ping={value}"])

    assert str(raised.value) == f"ping is {value!r}, none of activity, not-activity"


def test_each_choice_is_the_switch_of_one_clause() -> None:
    switches = [
        found.groups()
        for clause in clauses.read().values()
        if (found := re.fullmatch(r"--assume ([a-z0-9-]+)=([a-z0-9-]+)", clause.switch or ""))
    ]
    choices = assumptions.choices().items()

    assert sorted(switches) == sorted(
        (name, each) for name, values in choices for each in values[1:]
    )

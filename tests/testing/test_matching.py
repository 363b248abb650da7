"""Which messages are like what a test expects."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local_gateway.testing.matching import describe, is_like, listing


def has_more_than_four(message: dict[str, int]) -> bool:
    return message["n"] > 4


LIKE: list[tuple[str | bytes, Any]] = [
    ("hello", "hello"),
    ("hello", re.compile("l+o$")),
    ('{"a": 1, "b": {"c": [1, {"d": 2}], "e": 3}}', {"a": 1, "b": {"c": [1, {}]}}),
    ("[1, 2.0]", [1, 2]),
    ("null", None),
    ('{"name": "room-7"}', {"name": re.compile("^room-")}),
    ('{"n": 5}', has_more_than_four),
    (b"\x00", b"\x00"),
]


@pytest.mark.parametrize(("message", "expected"), LIKE)
def test_a_message_that_is_like_it(message: str | bytes, expected: Any) -> None:  # noqa: ANN401 — any
    assert is_like(message, expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("hello", "hell"),
        ("hello", re.compile("^l")),
        (b"hello", re.compile("hello")),
        ('{"a": 1}', {"a": 1, "b": None}),
        ('{"a": 1}', {"a": True}),
        ('{"a": true}', {"a": 1}),
        ('{"a": "1"}', {"a": 1}),
        ("[1, 2, 3]", [1, 2]),
        ("[1]", {"a": 1}),
        ("text", {"a": 1}),
        ("{}", [1]),
        ('{"name": 7}', {"name": re.compile("7")}),
        ('{"n": 4}', has_more_than_four),
    ],
)
def test_a_message_that_is_not(message: str | bytes, expected: Any) -> None:  # noqa: ANN401 — any
    assert not is_like(message, expected)


def test_what_is_expected_has_a_name() -> None:
    def is_big(message: object) -> bool:
        return bool(message)

    names = [describe(each) for each in ({"a": 1}, re.compile("a+"), is_big)]

    assert names == ["like {'a': 1}", "matching 'a+'", "for which 'is_big' is true"]


def test_a_listing_shows_the_last_of_many_and_the_head_of_the_long() -> None:
    shown = listing("lines", [*range(21), "x" * 500]).splitlines()

    assert shown[:3] == ["lines:", "  … 2 before", "  2"]
    assert shown[-1] == f"  {'x' * 400}…"
    assert listing("lines", []) == "lines: none"

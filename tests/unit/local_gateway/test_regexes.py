"""Regular expressions that would never end, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from local_gateway.regexes import PatternTooSlow, compile_pattern, matches_whole
from local_gateway.schemas import validator

ENDLESS = r"((a|aa)+)+\2c"
LONG = "a" * 60


def test_a_match_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(PatternTooSlow) as slow:
        matches_whole(compile_pattern(ENDLESS), LONG)

    assert str(slow.value) == f"the regular expression {ENDLESS!r} takes more than 0.1 s"


@pytest.mark.parametrize("pattern", ["(?<=a)b", r"(a)\1", "a*+b", "(?>a|b)c"])
def test_what_java_knows_is_understood(pattern: str) -> None:
    assert not matches_whole(compile_pattern(pattern), "z")


def test_what_is_none_says_why() -> None:
    with pytest.raises(ValueError, match="is no regular expression: "):
        compile_pattern("(")


@pytest.mark.parametrize(
    ("schema", "value"),
    [({"pattern": ENDLESS}, LONG), ({"patternProperties": {ENDLESS: {}}}, {LONG: 1})],
)
def test_a_pattern_of_a_schema_is_given_up(schema: dict[str, Any], value: Any) -> None:  # noqa: ANN401 — any JSON
    with pytest.raises(PatternTooSlow):
        list(validator(schema).iter_errors(value))


@pytest.mark.parametrize(
    ("schema", "value", "is_valid"),
    [
        ({"pattern": "^b"}, "abc", False),
        ({"pattern": "b"}, "abc", True),
        ({"pattern": "b"}, 5, True),
        ({"patternProperties": {"^n": {"type": "number"}}}, {"n1": "text", "x": 1}, False),
        ({"patternProperties": {"^n": {"type": "number"}}}, {"n1": 1, "x": "text"}, True),
        ({"patternProperties": {"^n": {"type": "number"}}}, ["n1"], True),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, {"x": 1}, False),
    ],
)
def test_patterns_of_a_schema(schema: dict[str, Any], value: Any, is_valid: bool) -> None:  # noqa: ANN401, FBT001 — any JSON, a table
    assert validator(schema).is_valid(value) is is_valid

"""Whether a message is the one that a test expects, and how to say what came instead.

An expected value is one of:

    a text             the whole message
    a pattern          found anywhere in the message (`re.compile`)
    an object          JSON with at least these fields, each like the given value
    an array           JSON with as many items, each like the given item
    any other value    equal JSON
    a function         gets the message, decoded if it is JSON, and tells
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Expected: TypeAlias = (
        str
        | re.Pattern[str]
        | Mapping[str, Any]
        | Sequence[Any]
        | Callable[[Any], bool]
        | float
        | None
    )

_SHOWN = 20
_LONGEST = 400


def decode(message: str | bytes) -> Any:  # noqa: ANN401 — any JSON
    """Return what a message says: JSON decoded, anything else as it is."""
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        return message


def is_like(message: str | bytes, expected: Expected) -> bool:
    """Tell whether a message is what is expected."""
    if isinstance(expected, str | bytes):
        return message == expected
    if isinstance(expected, re.Pattern):
        return isinstance(message, str) and expected.search(message) is not None
    if callable(expected):
        return bool(expected(decode(message)))
    return has(decode(message), expected)


def has(value: object, expected: object) -> bool:
    """Tell whether JSON has what is expected of it."""
    if isinstance(expected, re.Pattern):
        pattern = cast("re.Pattern[str]", expected)
        return isinstance(value, str) and pattern.search(value) is not None
    if isinstance(expected, dict):
        wanted = cast("dict[str, object]", expected)
        if not isinstance(value, dict):
            return False
        found = cast("dict[str, object]", value)
        return all(name in found and has(found[name], wanted[name]) for name in wanted)
    if isinstance(expected, list | tuple):
        items = cast("Sequence[object]", expected)
        if not isinstance(value, list):
            return False
        values = cast("list[object]", value)
        return len(values) == len(items) and all(map(has, values, items))
    is_same = type(value) is type(expected) and value == expected
    return is_same or _are_equal_numbers(value, expected)


def _are_equal_numbers(value: object, expected: object) -> bool:
    """Take 1 for 1.0, but not for true."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return False
    return isinstance(value, int | float) and value == expected


def describe(expected: Expected) -> str:
    """Name what is expected, for a failure."""
    if isinstance(expected, re.Pattern):
        return f"matching {expected.pattern!r}"
    if callable(expected):
        return f"for which {getattr(expected, '__name__', expected)!r} is true"
    return f"like {expected!r}"


def listing(title: str, lines: Iterable[object]) -> str:
    """Write a part of a failure: a title, and a line for each of the last few things."""
    texts = [str(line) for line in lines]
    if not texts:
        return f"{title}: none"
    shown = [
        f"  {text[:_LONGEST]}{'…' if len(text) > _LONGEST else ''}" for text in texts[-_SHOWN:]
    ]
    left_out = [f"  … {len(texts) - _SHOWN} before"] if len(texts) > _SHOWN else []
    return "\n".join([f"{title}:", *left_out, *shown])

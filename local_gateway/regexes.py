"""Regular expressions that come out of a template or a message, held to a moment's time.

API Gateway's are Java's. Python's own engine, which is as near, backtracks without an end on some
of them, and the gateway would stand still with it; a linear engine (RE2) doesn't know look-around
and back references, which Java has. The library `regex` knows both and stops at a time limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import regex

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")

Pattern: TypeAlias = "regex.Pattern[str]"

LIMIT_SECONDS: Final = 0.1
"""What one match may take."""


class PatternTooSlow(ValueError):
    """A match was given up; the text says which."""


def compile_pattern(text: str) -> Pattern:
    """Compile.

    Raises:
        ValueError: It is no regular expression; with the rest of a sentence that began with it.
    """
    try:
        return regex.compile(text)
    except regex.error as error:
        raise ValueError(f"is no regular expression: {error}") from error


def within_limit(pattern: Pattern, match: Callable[[], Result]) -> Result:
    """Return what `match` does, which has `timeout=LIMIT_SECONDS`.

    Raises:
        PatternTooSlow: It took too long.
    """
    try:
        return match()
    except TimeoutError as error:
        raise PatternTooSlow(
            f"the regular expression {pattern.pattern!r} takes more than {LIMIT_SECONDS} s"
        ) from error


def matches_whole(pattern: Pattern, text: str) -> bool:
    """Tell whether the whole of a text is what the pattern describes.

    Raises:
        PatternTooSlow: It took too long.
    """
    return within_limit(pattern, lambda: pattern.fullmatch(text, timeout=LIMIT_SECONDS)) is not None

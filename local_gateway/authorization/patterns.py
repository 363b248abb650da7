"""Wildcards of IAM: `*` is any characters, `?` is one (IAM user guide, "Resource")."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str, *, ignores_case: bool = False) -> re.Pattern[str]:
    """Return what matches, as a whole, the texts that `pattern` stands for."""
    wildcards = {"*": ".*", "?": "."}
    text = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignores_case else 0))


def matches(pattern: str, text: str, *, ignores_case: bool = False) -> bool:
    """Tell whether `pattern` stands for `text`."""
    return compile_pattern(pattern, ignores_case=ignores_case).fullmatch(text) is not None

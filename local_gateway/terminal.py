"""What functions, clients and templates say, made safe for the terminal that shows it.

A control character in a line moves the cursor, rewrites what stands above, sets the window's title
or the clipboard (ECMA-48; xterm, "Control Sequences"), and a line break makes one line look like
two. Functions colour their logs, so colours stay; everything else is written as Python would.
"""

from __future__ import annotations

import re
from typing import Final

_COLOUR: Final = r"\x1b\[[0-9;:]*m"
_UNSAFE: Final = re.compile(
    rf"(?P<colour>{_COLOUR})|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Colours, to be kept; C0, DEL and C1 but tab and line feed; separators; changes of direction."""


def printable(text: str) -> str:
    """Return a text of several lines that changes nothing but what is behind the cursor."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def one_line(text: str) -> str:
    """Return the same on one line."""
    return printable(text.replace("\n", "\\n"))


def _escape(match: re.Match[str]) -> str:
    return match["colour"] or match[0].encode("unicode_escape").decode("ascii")

"""What reaches a terminal."""

from __future__ import annotations

import pytest

from local_gateway.terminal import one_line, printable


@pytest.mark.parametrize(
    "text", ["plain", "größer 中 😀", "a\tb", "two\nlines", "\x1b[1;31mred\x1b[0m", "\x1b[38:5:1mx"]
)
def test_what_only_writes_is_kept(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b]52;c;cm0gLXJmIH4=\x1b\\", "\\x1b]52;c;cm0gLXJmIH4=\\x1b\\"),
        ("\x9b2J", r"\x9b2J"),
        ("over\rwritten", r"over\rwritten"),
        ("back\x08\x7f", r"back\x08\x7f"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("line\u2028line", r"line\u2028line"),
    ],
)
def test_what_does_more_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_stays_one() -> None:
    assert one_line("found 'x'\nwhy: all is well") == r"found 'x'\nwhy: all is well"

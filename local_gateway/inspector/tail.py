"""`local-gateway tail`: follows what happens in an emulator that runs, in a terminal."""

from __future__ import annotations

import argparse
import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final, TextIO

from local_gateway.inspector.journal import Kind
from local_gateway.inspector.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Row = dict[str, Any]

FOLLOWED, FAILED = 0, 1

_SIGNS: Final = {
    "handshake": ("○", "36"),
    "message": ("→", "32"),
    "invocation": ("λ", "35"),
    "reply": ("←", "34"),
    "error": ("←", "31"),
    "post": ("⇠", "34"),
    "look": ("?", "34"),
    "delete": ("x", "31"),
    "close": ("●", "36"),
    "log": (" ", "2"),
    "why": ("!", "33"),
}
_RESET: Final = "\x1b[0m"
_FAILED_COLOUR: Final = "31"
_SWITCHING_PROTOCOLS: Final = 101
_FIRST_ERROR: Final = 400
_TIMEOUT_SECONDS: Final = 60
"""The feed says something every ten seconds."""


class Unreachable(Exception):
    """No emulator answers there; the text says what does."""


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="local-gateway tail",
        description="Follow the frames, events and posts of a local-gateway that runs.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:3000", help="where it runs (default: %(default)s)")
    add("--connection", metavar="ID", help="only what concerns this connection: an id's beginning")
    add("--client", metavar="NAME", help="only what concerns connections with this in their query")
    add("--route", metavar="KEY", help="only messages of this route, and what comes of them")
    add(
        "--kind",
        action="append",
        choices=[kind.value for kind in Kind],
        help="only rows of this kind; may be given several times",
    )
    add("--json", action="store_true", help="print each row as a line of JSON")
    add("--no-color", action="store_true", help="print no colours, as with NO_COLOR set")
    return parser


def run(arguments: Sequence[str], out: TextIO, errors: TextIO, *, has_colours: bool) -> int:
    """Follow until Ctrl-C or until the emulator stops, and return the exit code.

    Raises:
        BrokenPipeError: Nobody reads `out` any more.
    """
    options = parser().parse_args(arguments)
    is_coloured = has_colours and not options.no_color
    selection = Selection(connection=options.connection, client=options.client, route=options.route)
    try:
        for row in _rows(options.url) if options.client else ():
            selection.takes(row)  # of its connections it hears by their handshakes
        for news in _news(options.url):
            for row in [*news["rows"], *news["changed"]]:
                is_wanted = selection.takes(row) and row["kind"] in (options.kind or [row["kind"]])
                if is_wanted and (options.json or row.get("isDone", True)):
                    line = json.dumps(row) if options.json else write_line(row, is_coloured)
                    _write(out, line)
            if news["missed"]:
                _write(errors, f"… {news['missed']} more, too many to show")
    except Unreachable as error:
        _write(errors, f"local-gateway tail: {error}")
        return FAILED
    except KeyboardInterrupt:
        return FOLLOWED
    return FOLLOWED


def write_line(row: Row, is_coloured: bool = False) -> str:  # noqa: FBT001, FBT002 — one switch
    """Return a row as a line: time, connection or function, what, and a summary."""
    sign, colour = _SIGNS[row["kind"]]
    who = row.get("connectionId") or row.get("function") or row.get("place", "")
    what = row["kind"] if row["kind"] != "message" else row["route"] or "no route"
    line = f"{row['at'][11:23]} {sign} {who:<17} {what:<12} {row['summary']}"
    colour = _FAILED_COLOUR if _is_failed(row) else colour
    return f"\x1b[{colour}m{line}{_RESET}" if is_coloured else line


def _is_failed(row: Row) -> bool:
    """Tell whether a row stands for something that went wrong."""
    if row["kind"] == "handshake":
        return row["status"] != _SWITCHING_PROTOCOLS
    return bool(row.get("error")) or row.get("status", 0) >= _FIRST_ERROR


def _write(out: TextIO, line: str) -> None:
    out.write(f"{line}\n")
    out.flush()


def _rows(url: str) -> list[Row]:
    """Return the last rows.

    Raises:
        Unreachable: Nothing listens there, or something else.
    """
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/_gateway/rows") as response:  # noqa: S310 — the user's own address
            return json.load(response)["rows"]
    except (OSError, ValueError) as error:
        raise Unreachable(f"{url} can't be followed: {error}") from error


def _news(url: str) -> Iterator[dict[str, Any]]:
    """Yield what the feed sends.

    Raises:
        Unreachable: Nothing listens there, or something else.
    """
    address = f"{url.rstrip('/')}/_gateway/feed"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 — the user's own address
            if response.headers.get_content_type() != "text/event-stream":
                raise Unreachable(f"{url} is not a local-gateway")
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
    except (OSError, ValueError) as error:
        raise Unreachable(f"{url} can't be followed: {error}") from error

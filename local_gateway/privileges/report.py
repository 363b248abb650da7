"""`local-gateway privileges FILE`: whether the roles of a template allow what was called, no more.

Takes the options of a start, for the template and its parameters. Exit codes: 0 every role fits,
1 one doesn't, 2 the record or the template can't be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.privileges import record
from local_gateway.privileges.comparison import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from local_gateway.api import Application
    from local_gateway.privileges.comparison import Permission, Privileges

_FITS, _DIFFERS, _UNREADABLE = 0, 1, 2
_UNKNOWN: Final = "the template does not say all that its role allows"


def report(application: Application, file: Path, *, now_ms: int) -> tuple[int, str]:
    """Return the exit code and the text for a record."""
    try:
        calls = record.read(file)
    except (OSError, ValueError) as error:
        return _UNREADABLE, f"{file} is no record of calls: {error}"
    found = compare(application, calls, now_ms=now_ms)
    fits = not any(each.missing or each.unused for each in found)
    lines = [line for each in sorted(found) for line in _lines(each)]
    return _FITS if fits else _DIFFERS, "\n".join(lines)


def _lines(privileges: Privileges) -> Iterator[str]:
    if not privileges.is_known:
        yield f"{privileges.function}: {_UNKNOWN}"
        return
    fits = not privileges.missing and not privileges.unused
    yield f"{privileges.function}: {'its role fits' if fits else 'its role differs'}"
    yield from _permissions("missing", privileges.missing)
    yield from _permissions("unused ", privileges.unused)


def _permissions(kind: str, permissions: Iterable[Permission]) -> Iterator[str]:
    return (f"  {kind} {each.action} on {each.resource}" for each in sorted(permissions))

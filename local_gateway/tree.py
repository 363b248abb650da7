"""What a template consists of: plain values, and the places where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from local_gateway.errors import TemplateError, UnresolvedValue, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""What JSON can hold."""


class NoValue:
    """`AWS::NoValue`: the property, or the item, that it stands for isn't there."""


NO_VALUE: Final = NoValue()
_Error = TypeVar("_Error", bound=TemplateError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the file, the resource (or section), the dotted path in it."""

    file: Path
    logical_id: str | None = None
    path: str = ""

    def at(self, part: str | int) -> Place:
        """Return the place of an entry of this value."""
        if isinstance(part, int):
            path = f"{self.path}[{part}]"
        else:
            path = f"{self.path}.{part}" if self.path else part
        return Place(self.file, self.logical_id, path)

    def error(self, problem: str, *, allowed: str | None = None) -> TemplateError:
        """Return the error for a value that is wrong."""
        return self._make(TemplateError, problem, allowed)

    def unsupported(self, problem: str, *, allowed: str | None = None) -> UnsupportedFeature:
        """Return the error for a value that AWS takes and the emulator doesn't."""
        return self._make(UnsupportedFeature, problem, allowed)

    def unresolved(self, problem: str) -> UnresolvedValue:
        """Return the error for a value that nobody can know locally."""
        return self._make(UnresolvedValue, problem, None)

    def _make(self, kind: type[_Error], problem: str, allowed: str | None) -> _Error:
        return kind(
            problem,
            file=self.file,
            logical_id=self.logical_id,
            path=self.path or None,
            allowed=allowed,
        )


def kind_of(value: Value) -> str:
    """Return what a value is, in the words of a template's author."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a mapping"


def shown(value: Value) -> str:
    """Return a value for a message: a text as it is, else its kind."""
    return repr(value) if isinstance(value, str) else kind_of(value)


def guess_at(name: Value, known: Iterable[str]) -> str:
    """Return a question after the name that was meant, or nothing."""
    matches = get_close_matches(name, list(known), n=1) if isinstance(name, str) else []
    return f"; did you mean {matches[0]!r}?" if matches else ""


def arguments_of(value: Value, place: Place, least: int, most: int | None = None) -> list[Value]:
    """Return the list that a function takes: of `least` values, or up to `most`.

    Raises:
        TemplateError: It isn't one.
    """
    most = least if most is None else most
    if isinstance(value, list) and least <= len(value) <= most:
        return value
    wanted = str(least) if least == most else f"{least} to {most}"
    found = f"a list of {len(value)}" if isinstance(value, list) else kind_of(value)
    raise place.error(f"gets {found}", allowed=f"a list of {wanted}")

"""Reading a resource's properties: typed, resolved when read, every error with its place.

Like CloudFormation, a text takes a number, and a number or a boolean takes its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.tree import NoValue, Place, Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_gateway.errors import TemplateError, UnsupportedFeature
    from local_gateway.intrinsics import Resolver

_INTEGER: Final = re.compile(r"[-+]?\d{1,18}")
_NUMBER: Final = re.compile(r"[-+]?\d{1,18}(?:\.\d{1,18})?")


class Properties:
    """A mapping somewhere in a resource whose values may hold intrinsic functions."""

    def __init__(self, values: dict[str, Value], resolver: Resolver, place: Place) -> None:
        """Take the mapping as it is written, and where it stands."""
        self._values = values
        self._resolver = resolver
        self.place = place

    def __iter__(self) -> Iterator[str]:
        """Go through the names that have a value."""
        return (name for name in self._values if self.has(name))

    def has(self, name: str) -> bool:
        """Tell whether there is a value that isn't AWS::NoValue; it may still be unresolvable."""
        chosen = self._resolver.choose(self._values.get(name), self.place.at(name))
        return chosen is not None and not isinstance(chosen, NoValue)

    def value(self, name: str) -> Value:
        """Return a value of any kind, None if there is none."""
        resolved = self._resolver.resolve(self._values.get(name), self.place.at(name))
        return None if isinstance(resolved, NoValue) else resolved

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it has to be there."""
        found = self.optional_text(name)
        if found is not None:
            return found
        if default is None:
            raise self.error(name, "is missing")
        return default

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self.value(name)
        return None if value is None else self._resolver.text(value, self.place.at(name))

    def choice(self, name: str, options: tuple[str, ...], default: str | None = None) -> str:
        """Return one of the words that AWS knows for this property."""
        found = self.text(name, default)
        if found not in options:
            raise self.error(name, f"is {found!r}", allowed=", ".join(options))
        return found

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within the limits of AWS, the default if there is none."""
        found = self.optional_integer(name, least=least, most=most)
        return default if found is None else found

    def optional_integer(self, name: str, *, least: int, most: int) -> int | None:
        """Return a whole number within the limits of AWS, or None."""
        value = self.value(name)
        if value is None:
            return None
        text = self._resolver.text(value, self.place.at(name)).removesuffix(".0")
        if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
            raise self.error(name, f"is {text!r}", allowed=f"{least} to {most}")
        return int(text)

    def optional_number(self, name: str, *, least: float) -> float | None:
        """Return a number that is not below a limit of AWS, or None."""
        value = self.value(name)
        if value is None:
            return None
        text = self._resolver.text(value, self.place.at(name))
        if not _NUMBER.fullmatch(text) or float(text) < least:
            raise self.error(name, f"is {text!r}", allowed=f"a number from {least:g} on")
        return float(text)

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value."""
        value = self.value(name)
        if value is None:
            return default
        text = self._resolver.text(value, self.place.at(name)).lower()
        if text not in {"true", "false"}:
            raise self.error(name, f"is {text!r}", allowed="true, false")
        return text == "true"

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; a text alone is a list of one."""
        value = self.value(name)
        if value is None:
            return ()
        at = self.place.at(name)
        items = value if isinstance(value, list) else [value]
        return tuple(self._resolver.text(item, at.at(index)) for index, item in enumerate(items))

    def mapping(self, name: str) -> Properties | None:
        """Return the mapping under `name`, whose values are resolved one by one when read."""
        at = self.place.at(name)
        return self._child(self._choose(self._values.get(name), at), at)

    def section(self, name: str) -> Properties:
        """Return the mapping under `name`, an empty one if there is none."""
        return self.mapping(name) or Properties({}, self._resolver, self.place.at(name))

    def mappings(self, name: str) -> list[Properties]:
        """Return a list of mappings."""
        at = self.place.at(name)
        chosen = self._choose(self._values.get(name), at)
        if chosen is None:
            return []
        if not isinstance(chosen, list):
            raise at.error(f"is {kind_of(chosen)}", allowed="a list")
        children = (self._child(self._choose(v, at.at(i)), at.at(i)) for i, v in enumerate(chosen))
        return [child for child in children if child is not None]

    def error(self, name: str, problem: str, *, allowed: str | None = None) -> TemplateError:
        """Return the error for a property that is wrong."""
        return self.place.at(name).error(problem, allowed=allowed)

    def unsupported(
        self, name: str, problem: str, *, allowed: str | None = None
    ) -> UnsupportedFeature:
        """Return the error for a property that AWS takes and the emulator doesn't."""
        return self.place.at(name).unsupported(problem, allowed=allowed)

    def _choose(self, value: Value, place: Place) -> Value:
        """Return `value` unresolved inside, unless it comes out of a function other than Fn::If."""
        chosen = self._resolver.choose(value, place)
        if isinstance(chosen, dict) and any(k == "Ref" or k.startswith("Fn::") for k in chosen):
            chosen = self._resolver.resolve(chosen, place)
        return None if isinstance(chosen, NoValue) else chosen

    def _child(self, value: Value, place: Place) -> Properties | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise place.error(f"is {kind_of(value)}", allowed="a mapping")
        return Properties(value, self._resolver, place)

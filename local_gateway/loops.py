"""`Fn::ForEach` of `AWS::LanguageExtensions`: a loop becomes the entries that it stands for.

CloudFormation user guide, "Fn::ForEach". A loop may stand in `Resources`, `Conditions`, `Outputs`
and in any mapping below them, also within another loop:

    Fn::ForEach::Name: [Identifier, [a, b], {"${Identifier}Queue": {...}}]

Loops are written out before the SAM transform, which therefore sees plain resources.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.tree import NoValue, Place, Value, arguments_of, kind_of

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.intrinsics import Resolver

TRANSFORM: Final = "AWS::LanguageExtensions"
PREFIX: Final = "Fn::ForEach::"
_SECTIONS: Final = ("Conditions", "Resources", "Outputs")
_MAX_ENTRIES: Final = 10_000
"""What a template's loops may stand for; a stack has at most 500 resources."""
_NOT_IN_A_LOGICAL_ID: Final = re.compile(r"[^A-Za-z0-9]")


def has_loops(tree: Value) -> bool:
    """Tell whether there is a loop anywhere."""
    waiting: list[Value] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            if any(key.startswith(PREFIX) for key in value):
                return True
            waiting.extend(value.values())
    return False


def expand(tree: dict[str, Value], resolver: Resolver, file: Path) -> dict[str, Value]:
    """Return the template without loops.

    `resolver` knows parameters, mappings and conditions: what a collection may be made of.

    Raises:
        TemplateError: A loop is wrong, or makes an entry twice.
    """
    loops = _Loops(resolver)
    return {
        name: loops.expand(section, Place(file, path=name)) if name in _SECTIONS else section
        for name, section in tree.items()
    }


class _Loops:
    """Writes the loops of one template out."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._budget = resolver.budget
        self._entries = 0

    def expand(self, value: Value, place: Place) -> Value:
        if isinstance(value, list):
            return [self.expand(item, place.at(index)) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        expanded: dict[str, Value] = {}
        for key, inner in value.items():
            at = place.at(key)
            if key.startswith(PREFIX):
                for name, item in self._write_out(inner, at):
                    if name in expanded or name in value:
                        raise at.error(f"makes {name!r}, which is there already")
                    expanded[name] = item
            else:
                expanded[key] = self.expand(inner, at)
        return expanded

    def _write_out(self, loop: Value, place: Place) -> list[tuple[str, Value]]:
        identifier, collection, body = arguments_of(loop, place, 3)
        if not isinstance(identifier, str):
            raise place.at(0).error(f"is {kind_of(identifier)}", allowed="a name")
        if not isinstance(body, dict):
            raise place.at(2).error(f"is {kind_of(body)}", allowed="a mapping of what is repeated")
        entries: list[tuple[str, Value]] = []
        for item in self._items(collection, place.at(1)):
            self._entries += len(body)
            if self._entries > _MAX_ENTRIES:
                raise place.error(f"stands for more than {_MAX_ENTRIES:,} entries")
            written = self.expand(self._substitute(body, identifier, item, place), place.at(2))
            entries += written.items() if isinstance(written, dict) else ()
        return entries

    def _items(self, collection: Value, place: Place) -> list[str]:
        resolved = self._resolver.resolve(collection, place)
        if not isinstance(resolved, list):
            kind = "AWS::NoValue" if isinstance(resolved, NoValue) else kind_of(resolved)
            raise place.error(f"is {kind}", allowed="a list")
        items: list[Value] = []
        for item in resolved:
            items += item if isinstance(item, list) else [item]
        return [self._resolver.text(item, place) for item in items]

    def _substitute(self, value: Value, identifier: str, item: str, place: Place) -> Value:
        """Return the body of a loop for one of its items."""
        if isinstance(value, str):
            # &{…} leaves out what a logical id can't have.
            self._budget.spend(place, len(value) + value.count(f"{{{identifier}}}") * len(item))
            plain = _NOT_IN_A_LOGICAL_ID.sub("", item)
            return value.replace(f"${{{identifier}}}", item).replace(f"&{{{identifier}}}", plain)
        self._budget.spend(place)
        if isinstance(value, list):
            return [self._substitute(inner, identifier, item, place) for inner in value]
        if isinstance(value, dict):
            if value == {"Ref": identifier}:
                return item
            return {
                str(self._substitute(key, identifier, item, place)): self._substitute(
                    inner, identifier, item, place
                )
                for key, inner in value.items()
            }
        return value

"""The elements of airspeed's grammar, derived so that none of airspeed's own is ever made."""

# airspeed has no types.
# pyright: reportPrivateUsage=false, reportAttributeAccessIssue=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import airspeed

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Member:
    """Mixed into each element: what it makes is of its family too."""

    family: Family

    def next_element(self, element_spec: Any) -> Any:  # noqa: ANN401 — as airspeed has it
        return super().next_element(self.family.of(element_spec))

    def require_next_element(self, element_spec: Any, expected: str) -> Any:  # noqa: ANN401
        return super().require_next_element(self.family.of(element_spec), expected)


class Family:
    """Every element of the grammar, with its member."""

    def __init__(self, own: Sequence[type]) -> None:
        """Derive a member of every element; `own` are those that do something else."""
        self._members: dict[type, type] = {}
        mine = {member.__bases__[-1]: member for member in own}
        for _, element in inspect.getmembers(airspeed, inspect.isclass):
            if issubclass(element, airspeed._Element):  # noqa: SLF001 — the root of them all
                bases = (_Member, mine.get(element, element))
                self._members[element] = type(element.__name__, bases, {"family": self})

    @property
    def members(self) -> frozenset[type]:
        """Return all members."""
        return frozenset(self._members.values())

    def of(self, spec: Any) -> Any:  # noqa: ANN401 — a class or a tuple of them
        """Return the members for what a rule of the grammar asks for."""
        if isinstance(spec, type):
            return self._members[spec]
        return tuple(self._members[element] for element in spec)

    def make(self, element: type, *arguments: Any) -> Any:  # noqa: ANN401 — of the element
        """Make a member."""
        return self._members[element](*arguments)

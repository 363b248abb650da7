"""The `Conditions` section: what is true is decided once, when somebody asks.

CloudFormation reference, "Condition functions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway.tree import NoValue, Place, Value, arguments_of, guess_at, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_gateway.intrinsics import Resolver


class Conditions:
    """The conditions of one template."""

    def __init__(self, resolver: Resolver, section: Mapping[str, Value], file: Path) -> None:
        """Take the section, and what resolves the values that conditions compare."""
        self._resolver = resolver
        self._section = section
        self._file = file
        self._known: dict[str, bool] = {}

    def holds(self, name: Value, place: Place) -> bool:
        """Return the value of the condition that `place` names.

        Raises:
            TemplateError: There is no such condition, or it is wrong or depends on itself.
        """
        if not isinstance(name, str) or name not in self._section:
            raise place.error(f"there is no condition {shown(name)}{guess_at(name, self._section)}")
        if name not in self._known:
            with self._resolver.visiting(f"the condition {name}", place):
                at = Place(self._file, path=f"Conditions.{name}")
                self._known[name] = self._evaluate(self._section[name], at)
        return self._known[name]

    def _evaluate(self, value: Value, place: Place) -> bool:
        if isinstance(value, dict) and len(value) == 1:
            name, argument = next(iter(value.items()))
            at = place.at(name)
            if name == "Condition":
                return self.holds(argument, place)
            if name == "Fn::Equals":
                left, right = arguments_of(argument, at, 2)
                return self._comparable(left, at.at(0)) == self._comparable(right, at.at(1))
            if name == "Fn::Not":
                return not self._evaluate(arguments_of(argument, at, 1)[0], at.at(0))
            if name in {"Fn::And", "Fn::Or"}:
                parts = arguments_of(argument, at, 2, 10)
                values = [self._evaluate(part, at.at(index)) for index, part in enumerate(parts)]
                return all(values) if name == "Fn::And" else any(values)
        raise place.error(
            f"is {shown(value)}",
            allowed="Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition",
        )

    def _comparable(self, value: Value, place: Place) -> Value:
        resolved = self._resolver.resolve(value, place)
        if isinstance(resolved, str | int | float):
            return self._resolver.text(resolved, place)
        return None if isinstance(resolved, NoValue) else resolved

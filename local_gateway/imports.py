"""What a template takes from elsewhere, and `--import NAME=VALUE` gives: its value, or an error.

export              `Fn::ImportValue`; NAME is the export's
attribute           an attribute that only AWS knows, or a nested stack's output;
NAME is LogicalId.Attribute
dynamic reference   `{{resolve:ssm:/name}}`; NAME is what stands in the braces
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.tree import Place

_DYNAMIC: Final = re.compile(r"\{\{(resolve:[^}]*)\}\}")


class Imports:
    """The values that were given, by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def export(self, name: str, place: Place) -> str:
        """Return another stack's output.

        Raises:
            UnresolvedValue: It was not given; the same for the other methods.
        """
        what = f"Fn::ImportValue {name!r} is the output of another stack, which"
        return self._value(name, what, place)

    def attribute(self, logical_id: str, attribute: str, kind: str, place: Place) -> str:
        """Return an attribute of a resource of type `kind`."""
        name = f"{logical_id}.{attribute}"
        what = "an output" if kind == "AWS::CloudFormation::Stack" else f"an attribute of {kind}"
        return self._value(name, f"{name} is {what} that", place)

    def fill_in(self, text: str, place: Place) -> str:
        """Return a text without its dynamic references."""
        if "{{" not in text:
            return text
        return _DYNAMIC.sub(
            lambda match: self._value(match.group(1), f"the value of {match.group()}", place), text
        )

    def _value(self, name: str, what: str, place: Place) -> str:
        value = self._values.get(name)
        if value is None:
            raise place.unresolved(
                f"{what} is not known locally; give it with --import {name}=VALUE"
            )
        return value

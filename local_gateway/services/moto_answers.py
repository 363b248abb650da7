"""What moto does for each request again, done once or in fewer steps.

Runs in the child process, and in tests that have moto in theirs. moto looks for each of the ten
members that an attribute of an item might have, under five spellings of its name, and lists the
methods of a class to see whether an action is one of them: together most of what a small request
costs. Answers stay moto's.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from moto.core import responses
from moto.core.serialize import BaseJSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def install() -> None:
    """Change moto's classes in this process, once."""
    names: Any = responses
    names.method_names_from_class = functools.cache(names.method_names_from_class)
    serializer: Any = BaseJSONSerializer
    serialize_structure = serializer._serialize_type_structure  # noqa: SLF001 — no other way in

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:  # noqa: ANN401 — moto's
        if shape.name == "AttributeValue" and type(value) is dict:
            plain = _plain(cast("dict[str, Any]", value), self._base64)
            self._default_serialize(serialized, plain, shape, key)
        else:
            serialize_structure(self, serialized, value, shape, key)

    serializer._serialize_type_structure = serialize  # noqa: SLF001 — the same


def _plain(value: dict[str, Any], base64: Callable[[str | bytes], str]) -> dict[str, Any]:
    """Return an attribute as DynamoDB's JSON has it (API reference, AttributeValue)."""
    plain: dict[str, Any] = {}
    for kind, content in value.items():
        match kind:
            case "S" | "N":
                plain[kind] = content if type(content) is str else str(content)
            case "M":
                plain[kind] = {name: _plain(each, base64) for name, each in content.items()}
            case "L":
                plain[kind] = [_plain(each, base64) for each in content]
            case "B":
                plain[kind] = base64(content)
            case "BS":
                plain[kind] = [base64(each) for each in content]
            case _:
                plain[kind] = content
    return plain

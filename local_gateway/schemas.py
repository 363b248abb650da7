"""JSON schemas of models, draft 4: what a message is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from jsonschema import Draft4Validator, ValidationError, validators
from referencing import Registry

from local_gateway.regexes import LIMIT_SECONDS, compile_pattern, within_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator


def validator(schema: Mapping[str, Any]) -> Validator:
    """Return what holds values against a schema that has been checked.

    `iter_errors` raises PatternTooSlow if a regular expression in it takes too long.
    """
    # A registry of its own: the default one fetches what a schema refers to.
    return _BOUNDED(schema, registry=Registry[Any]())


def _pattern(
    validator: Validator, pattern: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    del validator, schema
    if isinstance(instance, str) and not _is_found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any,  # noqa: ANN401 — `descend` isn't in the protocol
    patterns: Mapping[str, Any],
    instance: object,
    schema: object,
) -> Iterator[ValidationError]:
    del schema
    if not isinstance(instance, dict):
        return
    members = cast("dict[str, object]", instance)
    for pattern, inner in patterns.items():
        for name, value in members.items():
            if _is_found(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _is_found(pattern: str, text: str) -> bool:
    compiled = compile_pattern(pattern)  # cached by the library
    search = within_limit(compiled, lambda: compiled.search(text, timeout=LIMIT_SECONDS))
    return search is not None


_BOUNDED: Final = cast("Any", validators).extend(
    Draft4Validator, {"pattern": _pattern, "patternProperties": _pattern_properties}
)

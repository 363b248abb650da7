"""YAML as CloudFormation reads it.

It is read event by event and not by PyYAML's own composer, for four reasons: libyaml's composer
recurses in C and dies on deep nesting, duplicate keys have to be errors, an alias may not blow up
the tree, and every error has to name line and column. What CloudFormation reads differently from
plain YAML is decided here: short tags become long functions, keys and dates are always text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import yaml

from local_gateway.errors import TemplateError
from local_gateway.tree import Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_DEPTH: Final = 100
"""Nested lists and mappings; CloudFormation's own templates stay far below."""
MAX_NODES: Final = 500_000
"""Values after aliases are expanded; a template has at most 1 MB of text ("Quotas")."""
MAX_CHARACTERS: Final = 10_000_000
"""Text after aliases are expanded, for the same reason."""

_SHORT_TAGS: Final = frozenset(
    [
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ]
)
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
# The booleans and numbers of YAML 1.1 (https://yaml.org/type/): templates in the wild rely on
# `yes` and `0644`. Base 60 is left out on purpose, `10:30` stays text.
_TRUE: Final = re.compile(r"yes|Yes|YES|true|True|TRUE|on|On|ON")
_FALSE: Final = re.compile(r"no|No|NO|false|False|FALSE|off|Off|OFF")
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT: Final = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)"
)


def read(text: str, file: Path) -> Value:
    """Return the tree of one YAML document, None for an empty text.

    Raises:
        TemplateError: The text is no YAML, or more than CloudFormation takes of it.
    """
    return _Reader(text, file).read()


@dataclass(slots=True)
class _Anchored:
    """A value with a name, and how many nodes and characters one more use of it adds."""

    value: Value
    nodes: int
    characters: int


class _Reader:
    """Builds a tree from the events of one YAML document."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._text = text
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = self._characters = 0
        self._events: Iterator[yaml.Event] = iter(())

    def read(self) -> Value:
        """Return the document's tree, None for an empty text."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            self._events = yaml.parse(self._text, Loader=loader)
            next(self._events)  # the start of the stream
            if isinstance(next(self._events), yaml.StreamEndEvent):
                return None
            tree = self._value(next(self._events), 0)
            next(self._events)  # the end of the document
            event = next(self._events)
            if not isinstance(event, yaml.StreamEndEvent):
                raise self._error(event, "a second document starts here")
        except yaml.MarkedYAMLError as error:
            raise self._error(error, str(error.problem or error.context)) from error
        except yaml.YAMLError as error:  # a character that YAML forbids has an offset alone
            raise TemplateError(" ".join(str(error).split()), file=self._file) from error
        return tree

    def _error(self, event: yaml.Event | yaml.MarkedYAMLError, problem: str) -> TemplateError:
        mark = event.problem_mark if isinstance(event, yaml.MarkedYAMLError) else event.start_mark
        if mark is not None:
            problem = f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
        return TemplateError(problem, file=self._file)

    def _value(self, event: yaml.Event, depth: int) -> Value:
        self._count(event, 1)
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        nodes, characters = self._nodes, self._characters
        anchor = cast("str | None", getattr(event, "anchor", None))
        if anchor is not None:
            self._anchors[anchor] = None
        plain: Value
        if isinstance(event, yaml.SequenceStartEvent):
            plain = self._sequence(depth)
        elif isinstance(event, yaml.MappingStartEvent):
            plain = self._mapping(depth)
        else:
            scalar = cast("yaml.ScalarEvent", event)
            self._count(event, 0, len(scalar.value))
            plain = self._scalar(scalar)
        value = self._tagged(event, plain)
        if anchor is not None:
            self._anchors[anchor] = _Anchored(
                value, self._nodes - nodes, self._characters - characters
            )
        return value

    def _count(self, event: yaml.Event, nodes: int, characters: int = 0) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES:,} values once aliases are expanded")
        if self._characters > MAX_CHARACTERS:
            problem = f"more than {MAX_CHARACTERS:,} characters once aliases are expanded"
            raise self._error(event, problem)

    def _alias(self, event: yaml.AliasEvent) -> Value:
        name = str(event.anchor)
        if name not in self._anchors:
            raise self._error(event, f"the alias *{name} has no anchor")
        anchored = self._anchors[name]
        if anchored is None:
            raise self._error(event, f"the alias *{name} stands within its own anchor")
        self._count(event, anchored.nodes, anchored.characters)
        return anchored.value

    def _sequence(self, depth: int) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(event, "a key has to be a text")
            key, line = event.value, event.start_mark.line + 1 if event.start_mark else 0
            if key in lines:
                raise self._error(event, f"the key {key!r} stands on line {lines[key]} already")
            lines[key] = line
            following = next(self._events)
            value = self._value(following, depth + 1)
            # A quoted "<<" is a key like any other.
            if key == "<<" and event.implicit[0]:
                for mapping in value if isinstance(value, list) else [value]:
                    if not isinstance(mapping, dict):
                        raise self._error(following, f"<< merges mappings, not {kind_of(mapping)}")
                    merged = mapping | merged
            else:
                own[key] = value
        return merged | own if merged else own

    def _scalar(self, event: yaml.ScalarEvent) -> Value:
        text = event.value
        is_plain = event.implicit[0] and event.tag is None
        if not is_plain:
            return text
        if text in _NULL:
            return None
        if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
            return _TRUE.fullmatch(text) is not None
        if _INT.fullmatch(text):
            return self._integer(event, text.replace("_", ""))
        if _FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
        return text

    def _integer(self, event: yaml.ScalarEvent, text: str) -> int:
        digits = text.lstrip("+-")
        base = {"0b": 2, "0x": 16}.get(digits[:2], 8 if digits[:1] == "0" else 10)
        try:
            return int(text, base)
        except ValueError as error:
            raise self._error(event, f"{text[:20]} is no number that can be read") from error

    def _tagged(self, event: yaml.Event, value: Value) -> Value:
        tag = cast("str | None", getattr(event, "tag", None))
        if tag is None or tag == "!":
            return value
        if tag.startswith("tag:yaml.org,2002:"):
            return self._explicit(event, tag.removeprefix("tag:yaml.org,2002:"), value)
        name = tag.removeprefix("!")
        if name in {"Ref", "Condition"}:
            return {name: value}
        if name not in _SHORT_TAGS:
            names = ", ".join(sorted({"!Ref", "!Condition"} | {f"!{n}" for n in _SHORT_TAGS}))
            error = self._error(event, f"the tag {tag} is unknown")
            error.allowed = names
            raise error
        if name == "GetAtt" and isinstance(value, str):
            # The long form as every reader of templates knows it.
            return {"Fn::GetAtt": list[Value](value.split(".", 1))}
        return {f"Fn::{name}": value}

    def _explicit(self, event: yaml.Event, name: str, value: Value) -> Value:
        """Return the value of `!!str 5`, and of tags that say what is there anyway."""
        if name == "str" and isinstance(event, yaml.ScalarEvent):
            return event.value
        if name in {"int", "float", "bool", "null"} and isinstance(event, yaml.ScalarEvent):
            plain = yaml.ScalarEvent(
                None, None, (True, False), event.value, event.start_mark, event.end_mark
            )
            return self._scalar(plain)
        if (name == "seq" and isinstance(value, list)) or (
            name == "map" and isinstance(value, dict)
        ):
            return value
        raise self._error(event, f"CloudFormation has no tag !!{name}")

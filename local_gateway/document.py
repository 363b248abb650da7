"""A template file as text becomes a tree of plain values: the first step of `template.load`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from local_gateway import yamltree
from local_gateway.errors import TemplateError
from local_gateway.tree import Place, Value, kind_of

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 8_000_000
"""What is read of a file. CloudFormation takes 1 MB ("Quotas"), of a template that was packaged."""
_UNWRITABLE: Final = re.compile("[\x00\ud800-\udfff]")


def read_text(file: Path) -> str:
    """Read a template's text, which is UTF-8 with or without a byte order mark.

    Raises:
        TemplateError: There is no such file, it isn't text, or too long.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise TemplateError(f"is longer than {MAX_BYTES:,} bytes", file=file)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateError(f"byte {error.start} is not UTF-8", file=file) from error
    except OSError as error:
        raise TemplateError(f"can't be read: {error.strerror}", file=file) from error


def parse(text: str, file: Path) -> dict[str, Value]:
    """Return a template's tree, from JSON (as CDK writes it) or YAML.

    Raises:
        TemplateError: The text is neither, or no mapping; the problem names line and column.
    """
    is_json = file.suffix == ".json"
    tree = _parse_json(text, file) if is_json else yamltree.read(text, file)
    if not isinstance(tree, dict):
        raise TemplateError(
            "the file is empty" if tree is None else f"the file holds {kind_of(tree)}",
            file=file,
            allowed="a mapping with the section Resources",
        )
    _check_depth(tree, file)
    _reject_unwritable(tree, Place(file))
    return tree


def _parse_json(text: str, file: Path) -> Value:
    def unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key, value in pairs:
            if key in found:
                raise TemplateError(f"the key {key!r} occurs twice in one object", file=file)
            found[key] = value
        return found

    def refuse(constant: str) -> NoReturn:
        raise TemplateError(f"{constant} is not JSON", file=file)

    try:
        tree = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise TemplateError(
            f"line {error.lineno}, column {error.colno}: {error.msg}", file=file
        ) from error
    except RecursionError as error:
        raise TemplateError("is nested too deeply", file=file) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise TemplateError(str(error), file=file) from error
    return tree


def _check_depth(tree: Value, file: Path) -> None:
    # Aliases of aliases nest without any nesting in the text.
    level: list[Value] = [tree]
    for _ in range(yamltree.MAX_DEPTH + 1):
        level = [inner for value in level for inner in _children(value)]
        if not level:
            return
    raise TemplateError(f"is nested deeper than {yamltree.MAX_DEPTH} levels", file=file)


def _children(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _reject_unwritable(value: Value, place: Place) -> None:
    """Refuse texts that no environment variable, file name or UTF-8 can hold."""
    if isinstance(value, str):
        if found := _UNWRITABLE.search(value):
            raise place.error(f"holds the character U+{ord(found.group()):04X}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _reject_unwritable(item, place.at(index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if _UNWRITABLE.search(key):
                raise place.error(f"has the key {key!r}")
            _reject_unwritable(item, place.at(key))

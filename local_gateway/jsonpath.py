"""The part of JSONPath that API Gateway's expressions are written in: names, indexes, quoted keys.

A path is compiled once into names and indexes, and followed for each message: the route selector is
on the hot path. Wildcards, filters, slices and recursive descent aren't understood.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Path: TypeAlias = "tuple[str | int, ...]"
"""Names and indexes from the top down."""

_NAME: Final = r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*"
_STEP: Final = re.compile(
    rf"\.(?P<name>{_NAME})|\[(?P<index>\d{{1,9}})\]|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
)
_MAX_DEPTH: Final = 128


def read_steps(text: str, at: int) -> tuple[Path, int]:
    """Read the steps of a path from a position on; return them and where they end.

    Raises:
        ValueError: Something that begins like a step isn't one; with the rest of a sentence.
    """
    path: list[str | int] = []
    while step := _STEP.match(text, at):
        index = step["index"]
        path.append(int(index) if index is not None else step["name"] or step["key"] or "")
        at = step.end()
    if text[at : at + 1] in {".", "["}:
        raise ValueError(f"has a path that isn't understood from character {at + 1} on")
    return tuple(path), at


def compile_path(text: str) -> Path:
    """Compile a whole path: `$`, `$.a.b[0]`, `a.b`, `['a b']`.

    Raises:
        ValueError: It isn't understood; with the rest of a sentence that began with the path.
    """
    rooted = text.strip()
    if not rooted.startswith("$"):
        rooted = f"${rooted}" if rooted.startswith("[") else f"$.{rooted}"
    path, end = read_steps(rooted, 1)
    if end != len(rooted):
        raise ValueError(f"has a path that isn't understood from character {end + 1} on")
    return path


def follow(path: Path, value: Json) -> Json:
    """Return what a path leads to, None if it leads nowhere."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return None
    return value


def write_text(value: Json, depth: int = 0) -> str:
    """Write a value as AWS does: text as it stands, an array as `[a, b]`, null as nothing.

    The text of an object isn't documented; Java writes a map as here: `{a=1, b=2}`.
    """
    if isinstance(value, str):
        return value
    if value is None or depth > _MAX_DEPTH:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(write_text(item, depth + 1) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{key}={write_text(item, depth + 1)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value)

"""Paths that stand in a template as they are: `$input.path('$.a')`, `$input.json("$.b")`."""

from __future__ import annotations

import re
from typing import Final

from local_gateway.jsonpath import compile_path

_METHODS: Final = frozenset({"json", "path"})
_CONSTANT: Final = re.compile(
    r"""\(\s*(?:'(?P<plain>[^']*)'|"(?P<quoted>(?:[^"$]|\$(?![A-Za-z_!{]))*)")\s*\)"""
)
"""A text without references, alone in its parentheses."""


def check_path(method: str, arguments: str) -> None:
    """Check a call as it is written, `('$.a')`.

    Raises:
        ValueError: It asks for a path that isn't understood; with the rest of a sentence that began
            with the template.
    """
    constant = _CONSTANT.fullmatch(arguments) if method in _METHODS else None
    if constant is None:
        return
    path = constant["plain"] if constant["plain"] is not None else constant["quoted"]
    try:
        compile_path(path)
    except ValueError as error:
        raise ValueError(f"asks for {path!r}, which {error}") from error

"""What a template handles: plain JSON, and tools with methods of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = Any
"""None, a bool, int, float, str, list or dict of these, or a `Tool`."""

MAX_TEXT: Final = 10_485_760
"""Characters of anything that a template makes or writes: API Gateway quotas, "Payload size"."""
_MAX_DEPTH: Final = 100


class VelocityError(Exception):
    """A template could not be evaluated; the text says why, for the developer."""


class Tool:
    """A variable with methods of ours: `$input`, `$util`."""

    __slots__ = ("methods", "properties")

    def __init__(
        self,
        methods: Mapping[str, Callable[..., Value]],
        properties: Mapping[str, Value] | None = None,
    ) -> None:
        """Take what `$tool.name(…)` calls, and what `$tool.name` is."""
        self.methods = methods
        self.properties = properties or {}


def write(value: Value, depth: int = 0) -> str:
    """Write a value as Java does: `true`, `null`, `[a, b]`, `{a=1, b=2}`."""
    if isinstance(value, str):
        return value
    if value is None or depth > _MAX_DEPTH:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        items = cast("list[Value]", value)
        return f"[{', '.join(write(item, depth + 1) for item in items)}]"
    if isinstance(value, dict):
        entries = cast("dict[Value, Value]", value)
        pairs = (f"{key}={write(item, depth + 1)}" for key, item in entries.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value) if isinstance(value, int | float) else ""


def is_true(value: Value) -> bool:
    """Tell whether `#if` takes a value for true.

    Whether AWS takes an empty string or collection for true isn't known; here it is false, as in
    Velocity 2, so that `#if($input.path('$.x'))` asks whether there is an x.
    """
    return bool(value) if not isinstance(value, int | float) else value is not False


def bounded(text: str) -> str:
    """Return a text that isn't too long to be held.

    Raises:
        VelocityError: It is.
    """
    if len(text) > MAX_TEXT:
        raise VelocityError(f"the template makes a text of more than {MAX_TEXT} characters")
    return text

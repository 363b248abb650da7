"""The methods of Java's strings, numbers, lists and maps that a template may call.

A method is looked up by its name in these tables and nowhere else.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from local_gateway.regexes import (
    LIMIT_SECONDS,
    Pattern,
    compile_pattern,
    matches_whole,
    within_limit,
)
from local_gateway.velocity.operators import equal
from local_gateway.velocity.values import MAX_TEXT, Value, bounded, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_Methods: TypeAlias = "Mapping[str, Callable[..., Value]]"


def find_method(value: Value, name: str) -> Callable[..., Value] | None:
    """Return a method of a value, which gets the value first; None if it has none of this name."""
    own = _BY_KIND.get(value.__class__)
    return None if own is None else own.get(name) or _OF_ALL.get(name)


@lru_cache(maxsize=64)
def _pattern(expression: str) -> Pattern:
    try:
        return compile_pattern(expression)
    except ValueError as error:
        raise ValueError(f"{expression!r} {error}") from error


def _replacement(text: str) -> str:
    r"""Translate Java's `$1` and `\x` to Python's `\g<1>` and an escaped backslash."""
    plain = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL).replace("\\", "\\\\")
    return re.sub(r"\$(\d)", r"\\g<\1>", plain) if "$" in text.replace("\\$", "") else plain


def _replace_all(text: str, expression: str, by: Value, count: int = 0) -> str:
    pattern, new = _pattern(expression), _replacement(write(by))
    return bounded(
        within_limit(pattern, lambda: pattern.sub(new, text, count=count, timeout=LIMIT_SECONDS))
    )


def _replace_first(text: str, expression: str, by: Value) -> str:
    return _replace_all(text, expression, by, count=1)


def _replace(text: str, old: Value, new: Value) -> str:
    new_text = write(new)
    occurrences = text.count(write(old)) if write(old) else len(text) + 1
    if len(text) + occurrences * len(new_text) > MAX_TEXT:
        raise ValueError(f"the text is longer than {MAX_TEXT} characters")
    return text.replace(write(old), new_text)


def _split(text: str, expression: str, limit: int = 0) -> list[Value]:
    pattern, most = _pattern(expression), max(limit - 1, 0)
    parts = within_limit(pattern, lambda: pattern.split(text, maxsplit=most, timeout=LIMIT_SECONDS))
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return [part for part in parts if part is not None]


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise ValueError(f"begin {start}, end {stop}, length {len(text)}")
    return text[start:stop]


def _char_at(text: str, index: int) -> str:
    return _substring(text, index, index + 1)


def _compare(left: Any, right: Any) -> int:  # noqa: ANN401 — two of a kind
    return (left > right) - (left < right)


def _concat(text: str, other: Value) -> str:
    return bounded(text + write(other))


def _equals_ignoring_case(text: str, other: Value) -> bool:
    return text.lower() == write(other).lower()


def _matches(text: str, expression: str) -> bool:
    return matches_whole(_pattern(expression), text)


def _index_of(items: list[Value], value: Value) -> int:
    return items.index(value) if value in items else -1


def _set_item(items: list[Value], index: int, value: Value) -> Value:
    before = items[index]
    items[index] = value
    return before


def _add_item(items: list[Value], value: Value) -> bool:
    items.append(value)
    return True


def _add_all(items: list[Value], more: list[Value]) -> bool:
    items.extend(tuple(more))
    return bool(more)


def _remove(items: list[Value], index: Value) -> Value:
    if isinstance(index, int):
        return items.pop(index)
    if index not in items:
        return False
    items.remove(index)
    return True


def _contains_value(entries: dict[Value, Value], value: Value) -> bool:
    return value in entries.values()


def _get(entries: dict[Value, Value], key: Value) -> Value:
    return entries.get(key)


def _get_or(entries: dict[Value, Value], key: Value, default: Value) -> Value:
    return entries.get(key, default)


def _put(entries: dict[Value, Value], key: Value, value: Value) -> Value:
    before = entries.get(key)
    entries[key] = value
    return before


def _put_all(entries: dict[Value, Value], more: dict[Value, Value]) -> None:
    entries.update(more)


def _drop(entries: dict[Value, Value], key: Value) -> Value:
    return entries.pop(key, None)


def _keys(entries: dict[Value, Value]) -> list[Value]:
    return list(entries)


def _values(entries: dict[Value, Value]) -> list[Value]:
    return list(entries.values())


def _entries(entries: dict[Value, Value]) -> list[Value]:
    return [{"key": key, "value": value} for key, value in entries.items()]


def _key(entry: dict[Value, Value]) -> Value:
    return entry.get("key")


def _value(entry: dict[Value, Value]) -> Value:
    return entry.get("value")


_OF_ALL: Final[_Methods] = {"equals": equal, "toString": write}
_OF_NUMBERS: Final[_Methods] = {
    "compareTo": _compare,
    "doubleValue": float,
    "intValue": int,
    "longValue": int,
}
_OF_TEXTS: Final[_Methods] = {
    "charAt": _char_at,
    "compareTo": _compare,
    "concat": _concat,
    "contains": operator.contains,
    "endsWith": str.endswith,
    "equalsIgnoreCase": _equals_ignoring_case,
    "indexOf": str.find,
    "isEmpty": operator.not_,
    "lastIndexOf": str.rfind,
    "length": len,
    "matches": _matches,
    "replace": _replace,
    "replaceAll": _replace_all,
    "replaceFirst": _replace_first,
    "split": _split,
    "startsWith": str.startswith,
    "substring": _substring,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}
_OF_LISTS: Final[_Methods] = {
    "add": _add_item,
    "addAll": _add_all,
    "contains": operator.contains,
    "get": operator.getitem,
    "indexOf": _index_of,
    "isEmpty": operator.not_,
    "remove": _remove,
    "set": _set_item,
    "size": len,
}
_OF_MAPS: Final[_Methods] = {
    "containsKey": operator.contains,
    "containsValue": _contains_value,
    "entrySet": _entries,
    "get": _get,
    "getKey": _key,
    "getOrDefault": _get_or,
    "getValue": _value,
    "isEmpty": operator.not_,
    "keySet": _keys,
    "put": _put,
    "putAll": _put_all,
    "remove": _drop,
    "size": len,
    "values": _values,
}
_BY_KIND: Final[Mapping[type, _Methods]] = {
    bool: {},
    dict: _OF_MAPS,
    float: _OF_NUMBERS,
    int: _OF_NUMBERS,
    list: _OF_LISTS,
    str: _OF_TEXTS,
}

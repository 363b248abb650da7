"""The variables of a mapping template: `$input`, `$context`, `$stageVariables`, `$util`.

They are what "WebSocket API mapping template reference" of the developer guide lists. All of them
come out of the event that a Lambda proxy integration would be given, so that whatever is added to
events, such as an authorizer's context, is here too.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, quote_plus, unquote_plus

import orjson

from local_gateway.jsonpath import Json, compile_path, follow
from local_gateway.velocity.values import Tool, VelocityError

if TYPE_CHECKING:
    from collections.abc import Callable

Event: TypeAlias = "dict[str, Any]"
"""A CONNECT, MESSAGE or DISCONNECT event, decoded."""

_ESCAPES: Final = {
    "\\": "\\\\",
    '"': '\\"',
    "'": "\\'",
    "/": "\\/",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_PRINTABLE: Final = range(0x20, 0x7F)
_SAFE: Final = "*-._"  # what java.net.URLEncoder leaves as it is, besides letters and digits
_UNKNOWN: Final = object()


class Payload:
    """What `$input` reads: the message, or a back-end's answer; decoded once, if at all."""

    __slots__ = ("_value", "text")

    def __init__(self, text: str) -> None:
        """Take it as it came."""
        self.text = text
        self._value: Any = _UNKNOWN

    def value(self) -> Json:
        """Return it decoded; nothing is an empty object.

        Raises:
            VelocityError: It isn't JSON.
        """
        if self._value is _UNKNOWN:
            try:
                self._value = orjson.loads(self.text) if self.text else {}
            except orjson.JSONDecodeError as error:
                raise VelocityError(f"the payload isn't JSON: {error}") from error
        return self._value

    def is_json(self) -> bool:
        """Tell whether it can be decoded."""
        try:
            self.value()
        except VelocityError:
            return False
        return True


def variables(event: Event, payload: Payload) -> dict[str, Any]:
    """Return the variables of one evaluation."""
    return {
        "context": event["requestContext"],
        "input": _input(event, payload),
        "stageVariables": event.get("stageVariables") or {},
        "util": _UTIL,
    }


def _input(event: Event, payload: Payload) -> Tool:
    def path(expression: Any = "$") -> Any:  # noqa: ANN401 — a template's value
        found = _find(payload, expression)
        return "" if found is None else found

    def json(expression: Any = "$") -> str:  # noqa: ANN401 — a template's value
        found = _find(payload, expression)
        return '""' if found is None else _encode(found)

    def params(name: str | None = None) -> Any:  # noqa: ANN401 — a template's value
        kinds: dict[str, dict[str, Any]] = {
            "path": {},
            "querystring": event.get("queryStringParameters") or {},
            "header": event.get("headers") or {},
        }
        if name is None:
            return kinds
        return next((kind[name] for kind in kinds.values() if name in kind), "")

    methods: dict[str, Callable[..., Any]] = {"json": json, "path": path, "params": params}
    return Tool(methods, {"body": payload.text})


def _find(payload: Payload, expression: Any) -> Json:  # noqa: ANN401 — a template's value
    if not isinstance(expression, str):
        raise VelocityError("$input is asked for a path that is no text")
    try:
        path = compile_path(expression)
    except ValueError as error:
        raise VelocityError(f"$input is asked for {expression!r}, which {error}") from error
    return follow(path, payload.value())


def _encode(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise VelocityError(f"the payload can't be written as JSON: {error}") from error


def _escape_java_script(value: Any) -> str:  # noqa: ANN401 — a template's value
    """Escape as Apache Commons' `escapeJavaScript`, which AWS's output looks like."""
    return "".join(map(_escape, _text(value)))


def _escape(character: str) -> str:
    if escaped := _ESCAPES.get(character):
        return escaped
    if ord(character) in _PRINTABLE:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def _parse_json(value: Any) -> Json:  # noqa: ANN401 — a template's value
    try:
        return orjson.loads(_text(value))
    except orjson.JSONDecodeError as error:
        raise VelocityError(f"$util.parseJson gets what isn't JSON: {error}") from error


def _base64_decode(value: Any) -> str:  # noqa: ANN401 — a template's value
    try:
        return base64.b64decode(_text(value), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError) as error:
        raise VelocityError(f"$util.base64Decode gets what isn't base64: {error}") from error


def _base64_encode(value: Any) -> str:  # noqa: ANN401 — a template's value
    return base64.b64encode(_text(value).encode()).decode()


def _url_encode(value: Any) -> str:  # noqa: ANN401 — a template's value
    return url_encode(_text(value))


def _url_decode(value: Any) -> str:  # noqa: ANN401 — a template's value
    return unquote_plus(_text(value))


def _text(value: Any) -> str:  # noqa: ANN401 — a template's value
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else _encode(value)


def url_encode(value: str) -> str:
    """Encode as `$util.urlEncode` does, a space as `+`."""
    return quote_plus(value, safe=_SAFE).replace("~", "%7E")


def path_encode(value: str) -> str:
    """Encode what becomes one segment of a path."""
    return quote(value, safe="")


_UTIL: Final = Tool(
    {
        "escapeJavaScript": _escape_java_script,
        "parseJson": _parse_json,
        "urlEncode": _url_encode,
        "urlDecode": _url_decode,
        "base64Encode": _base64_encode,
        "base64Decode": _base64_decode,
    }
)

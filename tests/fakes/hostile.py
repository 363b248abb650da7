"""Texts that nobody should send, and somebody will; each number always makes the same one."""

from __future__ import annotations

import json
import random  # noqa: TID251 — a number per text replays it
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_CHARACTERS = 8_000
"""So that no text is more than one frame of 32 KB."""

RECEIPT = 2
"""The one `msgType` that has no answer, so that a test can count on one for each text."""

_FIXED = (
    "",
    " ",
    "null",
    "true",
    "5",
    '"text"',
    "[]",
    "{}",
    "{",
    "[" * MAX_CHARACTERS,
    '{"a":' * 1_000 + "1" + "}" * 1_000,
    '{"msgType": NaN}',
    '{"msgType": 1, "to": "a", "msg": {"n": Infinity}}',
    '{"msgType": 1, "to": "a", "msg": {"n": ' + "9" * 5_000 + "}}",
    '{"msgType": ' + "9" * 5_000 + "}",
    '{"msgType": 1e400}',
    '{"msgType": 3.5}',
    '{"msgType": -0}',
    '{"msgType": 3, "messageId": "\\ud800"}',
    '{"msgType": 1, "to": "\\udfff", "msg": {}}',
    '{"msgType": 1, "to": {}, "msg": {}}',
    '{"msgType": 1, "to": [[]], "msg": {}}',
    '{"msgType": 1, "to": [null], "msg": {}}',
    '{"msgType": 1, "to": [], "msg": {}}',
    '{"msgType": 1, "to": "nobody", "msg": []}',
    '{"msgType": 1, "to": "nobody", "msg": "text"}',
    '{"msgType": 1, "to": "nobody"}',
    '{"msgType": 1, "to": ["nobody"], "msg": {"__proto__": {}, "\\u0000": "\\u0000"}}',
    '{"msgType": 1, "msgType": 3}',
    '{"msgType": "1"}',
    '{"msgType": true}',
    '{"msgType": -1}',
    '{"msgType": 0}',
    '{"msgType": 5}',
    '{"msgType": 15}',
    '{"msgType": 16}',
    '{"msgType": -2147483649}',
    '{"msgType": 3, "messageId": 5}',
    '{"msgType": 3, "messageId": "' + "x" * 5_000 + '"}',
    '{"action": "$connect", "msgType": 3}',
    "\ufeff{}",
    "{'msgType': 3}",
    '{"msgType": 3,}',
    '{"msgType": 3} {"msgType": 3}',
    "\u0000",
    "\U0001f600" * 1_000,
    "<script>alert(1)</script>",
    "${jndi:ldap://127.0.0.1/a}",
    "' OR '1'='1",
    "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
)


def hostile_text(number: int) -> str:
    """Return the text with this number."""
    if number < len(_FIXED):
        return _FIXED[number]
    source = random.Random(number)
    make: Callable[[random.Random], str] = source.choice(
        (_noise, _value, _almost_envelope, _broken_envelope)
    )
    return make(source)


def _noise(source: random.Random) -> str:
    alphabet = '{}[]",:0123456789.eE+-truefalsn\\u \n\u00e9\u4e2d\U0001f600'
    return "".join(source.choices(alphabet, k=source.randrange(200)))


def _value(source: random.Random) -> str:
    return json.dumps(_json(source, depth=4))


def _almost_envelope(source: random.Random) -> str:
    names = ("msgType", "to", "msg", "messageId", "from", "seq", "epoch", "channel", "x")
    envelope = {name: _json(source, depth=2) for name in names if source.random() < 0.5}
    if source.random() < 0.7:
        envelope["msgType"] = source.choice([-1, 0, 1, 3, 4, 5, 13, 15, 99, 2**40])
    if envelope.get("msgType") == RECEIPT:
        del envelope["msgType"]
    return json.dumps(envelope, ensure_ascii=source.random() < 0.5)


def _broken_envelope(source: random.Random) -> str:
    text = '{"msgType": 1, "to": ["nobody"], "msg": {"k": "v"}, "messageId": "m"}'
    at = source.randrange(len(text))
    return text[:at] + source.choice(["", "\x01", '"', "}", "]", ",", "\\"]) + text[at + 1 :]


def _json(source: random.Random, *, depth: int) -> Any:  # noqa: ANN401 — any JSON
    kinds: Sequence[str] = ("null", "bool", "int", "float", "str", "list", "dict")
    kind = source.choice(kinds if depth else kinds[:5])
    if kind == "list":
        return [_json(source, depth=depth - 1) for _ in range(source.randrange(4))]
    if kind == "dict":
        return {_text(source): _json(source, depth=depth - 1) for _ in range(source.randrange(4))}
    scalars: dict[str, Any] = {
        "null": None,
        "bool": source.random() < 0.5,
        "int": source.choice([3, -1, 10 ** source.randrange(40)]),
        "float": source.uniform(-1e300, 1e300),
        "str": _text(source),
    }
    return scalars[kind]


def _text(source: random.Random) -> str:
    return "".join(
        source.choices('abc$@:._- \u0000\u00e9\u4e2d\U0001f600"\\/<', k=source.randrange(12))
    )

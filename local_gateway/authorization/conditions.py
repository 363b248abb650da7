"""The `Condition` of a policy's statement (IAM user guide, "Condition operators").

Evaluated are the keys that a handshake has a value for: who asks and when. Everything else is an
error, for a condition that is taken for true, or for false, would be a silent difference.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from local_gateway.authorization.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

KEYS: Final = (
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:SecureTransport",
)
"""What can be asked for."""
_FACTS: Final[Mapping[str, str]] = {
    "aws:sourceip": "192.0.2.1",
    "aws:useragent": "",
    "aws:currenttime": "2026-01-31T00:00:00Z",
    "aws:epochtime": "1769817600",
    "aws:securetransport": "true",
}
"""A fact of each kind, to find out when a policy is read whether its values can be compared."""


class UnknownCondition(Exception):
    """An operator or key that isn't evaluated here, or a value of a wrong kind."""


def write_facts(*, source_ip: str, user_agent: str | None, now_ms: int) -> dict[str, str]:
    """Return the condition keys of a request, in lower case."""
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    facts = {
        "aws:sourceip": source_ip,
        "aws:currenttime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "aws:epochtime": str(now_ms // 1000),
        # Only TLS reaches API Gateway, so this is what a policy finds there.
        "aws:securetransport": "true",
    }
    return facts if user_agent is None else {**facts, "aws:useragent": user_agent}


def _time(text: str) -> float:
    """Read a time: seconds since the epoch, or ISO 8601."""
    if text.isdecimal():
        return float(text)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _is_in(fact: str, network: str) -> bool:
    return ipaddress.ip_address(fact) in ipaddress.ip_network(network, strict=False)


_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda fact, value: fact == value,
    "StringEqualsIgnoreCase": lambda fact, value: fact.lower() == value.lower(),
    "StringLike": lambda fact, value: matches(value, fact),
    "NumericEquals": lambda fact, value: float(fact) == float(value),
    "NumericLessThan": lambda fact, value: float(fact) < float(value),
    "NumericLessThanEquals": lambda fact, value: float(fact) <= float(value),
    "NumericGreaterThan": lambda fact, value: float(fact) > float(value),
    "NumericGreaterThanEquals": lambda fact, value: float(fact) >= float(value),
    "DateEquals": lambda fact, value: _time(fact) == _time(value),
    "DateLessThan": lambda fact, value: _time(fact) < _time(value),
    "DateLessThanEquals": lambda fact, value: _time(fact) <= _time(value),
    "DateGreaterThan": lambda fact, value: _time(fact) > _time(value),
    "DateGreaterThanEquals": lambda fact, value: _time(fact) >= _time(value),
    "Bool": lambda fact, value: fact.lower() == value.lower(),
    "IpAddress": _is_in,
}
_NEGATIONS: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator over one key."""

    key: str
    """In lower case."""
    test: str
    values: tuple[str, ...]
    """One of them is enough; of a negated operator, none may hold."""
    is_negated: bool = False
    is_optional: bool = False
    """`…IfExists`: holds where the request doesn't have the key."""

    def holds(self, facts: Mapping[str, str]) -> bool:
        """Tell whether it holds for a request."""
        fact = facts.get(self.key)
        if fact is None:
            return self.is_optional or self.is_negated
        return any(_TESTS[self.test](fact, value) for value in self.values) != self.is_negated


def read(block: Json) -> tuple[Condition, ...]:
    """Read a `Condition` block: operator to key to value or values; None has no conditions.

    Raises:
        UnknownCondition: Something in it isn't evaluated here.
    """
    if block is None:
        return ()
    if not isinstance(block, dict):
        raise UnknownCondition("Condition is not an object")
    found: list[Condition] = []
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise UnknownCondition(f"Condition {operator} is not an object")
        found += [_read_one(operator, key, values) for key, values in keys.items()]
    return tuple(found)


def _read_one(operator: str, key: str, values: Json) -> Condition:
    is_optional = operator.endswith("IfExists")
    name = operator.removesuffix("IfExists")
    test = _NEGATIONS.get(name, name)
    if test not in _TESTS:
        known = ", ".join((*_TESTS, *_NEGATIONS))
        raise UnknownCondition(f"Condition {operator} is not evaluated here, only {known}")
    if key.lower() not in _FACTS:
        raise UnknownCondition(f"Condition key {key} is not evaluated here, only {', '.join(KEYS)}")
    items = values if isinstance(values, list) else [values]
    texts = tuple(_text(item) for item in items if isinstance(item, str | int | float))
    if not items or len(texts) != len(items):
        raise UnknownCondition(f"Condition {operator} {key} is {values!r}, not a text or texts")
    for text in texts:
        try:
            _TESTS[test](_FACTS[key.lower()], text)
        except ValueError as error:
            raise UnknownCondition(f"Condition {operator} {key} can't be {text!r}") from error
    return Condition(
        key=key.lower(),
        test=test,
        values=texts,
        is_negated=name in _NEGATIONS,
        is_optional=is_optional,
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

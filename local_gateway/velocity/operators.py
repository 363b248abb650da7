"""Velocity's operators, on values as Java has them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from local_gateway.velocity.values import Value, bounded, is_true, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONG: Final = 1 << 63


def operate(symbol: str) -> Callable[[Value, Value], Value]:
    """Return what an operator does to two values."""
    return _OPERATORS[symbol]


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        return bounded(write(left) + write(right))
    return _arithmetic(operator.add)(left, right)


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    """Return an operation on numbers that is null for anything else, and stays within a long."""

    def apply(left: Value, right: Value) -> Value:
        if not _is_number(left) or not _is_number(right):
            return None
        try:
            result = compute(left, right)
        except (ZeroDivisionError, OverflowError):
            return None
        if isinstance(result, int):
            return (result + _LONG) % (2 * _LONG) - _LONG
        return result

    return apply


def _divide(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _remainder(left: float, right: float) -> float:
    return left - right * int(left / right) if left and right else left % right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def apply(left: Value, right: Value) -> bool:
        if _is_number(left) and _is_number(right):
            return compare(left, right)
        return isinstance(left, str) and isinstance(right, str) and compare(left, right)

    return apply


def equal(left: Value, right: Value) -> bool:
    """Compare as Velocity does: values of different kinds by their text."""
    if left is None or right is None:
        return left is right
    if type(left) is type(right) or (_is_number(left) and _is_number(right)):
        return left == right
    return write(left) == write(right)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_OPERATORS: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "+": _add,
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(_divide),
    "%": _arithmetic(_remainder),
    "==": equal,
    "eq": equal,
    "!=": lambda left, right: not equal(left, right),
    "ne": lambda left, right: not equal(left, right),
    "<": _ordered(operator.lt),
    "lt": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    "le": _ordered(operator.le),
    ">": _ordered(operator.gt),
    "gt": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "ge": _ordered(operator.ge),
    "&&": lambda left, right: is_true(left) and is_true(right),
    "and": lambda left, right: is_true(left) and is_true(right),
    "||": lambda left, right: is_true(left) or is_true(right),
    "or": lambda left, right: is_true(left) or is_true(right),
}

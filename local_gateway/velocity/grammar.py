"""The grammar of airspeed, with members of ours.

airspeed reads templates well, and evaluates them with Python's own `getattr`: to it `$x.__class__`
is a property as good as any. So each of its elements is derived here, as a member of one family
whose members only ever make members (`Family`), and everything that reaches into a value, writes
one or computes one is ours. A property is a key of a map, a method is one of `methods`, and nothing
else can be reached: not by a template, and not by what a client sends.

What AWS doesn't let a template do is refused when it is compiled: `#include` and `#parse`, which
read files, and `#evaluate`, which would run what a client sends.
"""

# airspeed has no types: what comes out of it is a `Value` at best.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportPrivateUsage=false, reportOptionalCall=false
# pyright: reportAttributeAccessIssue=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import re
from io import StringIO
from typing import Final

import airspeed

from local_gateway.velocity.family import Family
from local_gateway.velocity.methods import find_method
from local_gateway.velocity.operators import operate
from local_gateway.velocity.paths import check_path
from local_gateway.velocity.values import MAX_TEXT, Tool, Value, VelocityError, is_true, write

MAX_ITERATIONS: Final = 1_000
"""API Gateway quotas, "Number of iterations in a #FOREACH … #END loop in mapping templates"."""


class Output(airspeed.StoppableStream):
    """What a template has written; `#stop` ends it, and so does too much."""

    def write(self, s: str) -> int:
        """Append."""
        if self.stop:
            return 0
        if self.tell() + len(s) > MAX_TEXT:
            raise VelocityError(f"the template writes more than {MAX_TEXT} characters")
        return StringIO.write(self, s)


class _NameOrCall(airspeed.NameOrCall):
    """`name`, `name(…)` or `name[…]`, of a variable or of a value."""

    def parse(self) -> None:
        super().parse()
        if self.parameters is not None:
            check_path(self.name, self.parameters.my_text())

    def calculate(self, current_object: Value, loader: object, top_namespace: Value) -> Value:
        arguments = None
        if self.parameters is not None:
            arguments = self.parameters.calculate(top_namespace, loader)
        if isinstance(current_object, airspeed.LocalNamespace):
            found = _variable(current_object, self.name)
            if isinstance(found, airspeed._FunctionDefinition):  # noqa: SLF001 — of #define
                output = Output()
                found.execute_function(output, top_namespace, arguments or [], loader)
                return output.getvalue()
            if arguments is not None:
                return None
        elif arguments is not None:
            found = _call(current_object, self.name, arguments)
        else:
            found = _property(current_object, self.name)
        if self.index is not None:
            return _item(found, self.index.calculate(top_namespace, loader))
        return found


class _SubExpression(airspeed.SubExpression):
    """What follows a dot, or another index."""

    def calculate(self, current_object: Value, loader: object, global_namespace: Value) -> Value:
        expression = self.expression
        if not isinstance(expression, airspeed.ArrayIndex):
            return expression.calculate(current_object, loader, global_namespace)
        result = _item(current_object, expression.calculate(global_namespace, loader))
        if self.subexpression:
            return self.subexpression.calculate(result, loader, global_namespace)
        return result


class _FormalReference(airspeed.FormalReference):
    """`$x`, `${x}`, `$!x`: writes a value, or itself where there is none."""

    def evaluate_raw(self, stream: Output, namespace: Value, loader: object) -> None:
        value = None
        if self.expression is not None:
            value = self.expression.calculate(namespace, loader)
        if value is None and self.alternate is not None:
            value = self.alternate.calculate(namespace, loader)
        if value is None:
            value = "" if self.silent and self.expression is not None else self.my_text()
        stream.write(write(value))


class _String(airspeed.StringLiteral):
    """`'…'`: a quote is doubled, and a backslash is a backslash, as regular expressions need it."""

    STRING = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)

    def parse(self) -> None:
        self.value = self.identity_match(self.STRING)[0].replace("''", "'")


class _InterpolatedString(airspeed.InterpolatedStringLiteral):
    """`"…"`, with references inside; quotes and backslashes are as in `'…'`."""

    STRING = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)

    def parse(self) -> None:
        self.value = self.identity_match(self.STRING)[0].replace('""', '"')
        self.block = self.family.make(airspeed.Block, self.filename, self.value, 0)

    def calculate(self, namespace: Value, loader: object) -> str:
        output = Output()
        self.block.evaluate(output, namespace, loader)
        return output.getvalue()


class _Hash(airspeed.FallthroughHashText):
    """A `#` that is text, because no directive begins with it."""

    PLAIN = re.compile(
        r"(\#(?!\{?(?:define|else|elseif|end|evaluate|foreach|if|include|macro|parse|set)\b))"
    )


class _Range(airspeed.Range):
    """`[1..5]`."""

    def calculate(self, namespace: Value, loader: object) -> list[int]:
        first = self.value1.calculate(namespace, loader)
        last = self.value2.calculate(namespace, loader)
        if not isinstance(first, int) or not isinstance(last, int):
            raise VelocityError("a range needs two integers")
        if abs(last - first) >= MAX_ITERATIONS:
            raise VelocityError(f"a range has more than {MAX_ITERATIONS} values")
        step = 1 if last >= first else -1
        return list(range(first, last + step, step))


class _BinaryOperator(airspeed.BinaryOperator):
    """An operator of Java, not of Python: `'%s' % x` isn't one."""

    def parse(self) -> None:
        super().parse()
        self.apply_to = operate(self.my_text().strip())


class _UnaryOperator(airspeed.UnaryOperatorValue):
    """`!x`."""

    def calculate(self, namespace: Value, loader: object) -> bool:
        return not is_true(self.value.calculate(namespace, loader))


class _Foreach(airspeed.ForeachDirective):
    """`#foreach`, over no more than AWS allows."""

    def evaluate_raw(self, stream: Output, namespace: Value, loader: object) -> None:
        items = self.value.calculate(namespace, loader)
        if isinstance(items, dict):
            items = list(items.values())
        if not isinstance(items, list):
            return
        if len(items) > MAX_ITERATIONS:
            raise VelocityError(f"#foreach has more than {MAX_ITERATIONS} iterations")
        for index, item in enumerate(items):
            inner = airspeed.LocalNamespace(namespace)
            has_next = index + 1 < len(items)
            inner["velocityCount"] = index + 1
            inner["velocityHasNext"] = has_next
            inner["foreach"] = {
                "count": index + 1,
                "index": index,
                "hasNext": has_next,
                "first": index == 0,
                "last": not has_next,
            }
            inner[self.loop_var_name] = item
            self.block.evaluate(stream, inner, loader)


class _Condition(airspeed.Condition):
    """What `#if` asks."""

    def parse(self) -> None:
        super().parse()
        calculate = self.calculate
        self.calculate = lambda namespace, loader: is_true(calculate(namespace, loader))


class _Set(airspeed.SetDirective):
    """`#set($x = …)`, `#set($x.y = …)`."""

    def evaluate_raw(self, stream: Output, namespace: Value, loader: object) -> None:
        del stream
        value = self.value.calculate(namespace, loader)
        if value is None:
            return  # Velocity leaves a variable as it is (`directive.set.null.allowed`)
        first, *rest = self.terms
        if not rest:
            namespace.set_inherited(first, value)
            return
        owner = _variable(namespace, first)
        for term in rest[:-1]:
            owner = _property(owner, term)
        if not isinstance(owner, dict):
            raise VelocityError(f"${'.'.join(self.terms)} can't be set: it is part of no map")
        owner[rest[-1]] = value


class _Refused:
    """Mixed into a directive that isn't supported."""

    def parse(self) -> None:
        directive = self.identity_match(self._NAMED)[0]
        raise ValueError(f"uses {directive}, which isn't supported: it {self._EFFECT}")


class _Include(_Refused, airspeed.IncludeDirective):
    """`#include`."""

    _EFFECT = "reads files"
    _NAMED = re.compile(r"(#include)\b", re.IGNORECASE)


class _Parse(_Refused, airspeed.ParseDirective):
    """`#parse`."""

    _EFFECT = "reads files"
    _NAMED = re.compile(r"(#parse)\b", re.IGNORECASE)


class _Evaluate(_Refused, airspeed.EvaluateDirective):
    """`#evaluate`."""

    _EFFECT = "runs a text as a template"
    _NAMED = re.compile(r"(#evaluate)\b")


def _variable(namespace: Value, name: str) -> Value:
    try:
        return namespace[name]
    except KeyError:
        return None


def _call(value: Value, name: str, arguments: list[Value]) -> Value:
    method = value.methods.get(name) if isinstance(value, Tool) else find_method(value, name)
    if method is None:
        return None
    try:
        return method(*arguments) if isinstance(value, Tool) else method(value, *arguments)
    except (TypeError, IndexError, ValueError) as error:
        raise VelocityError(
            f"{name} can't take {len(arguments)} such arguments: {error}"
        ) from error


def _property(value: Value, name: str) -> Value:
    if isinstance(value, dict):
        return value.get(name)
    return value.properties.get(name) if isinstance(value, Tool) else None


def _item(value: Value, index: Value) -> Value:
    if isinstance(value, dict):
        return value.get(index) if isinstance(index, str | int) else None
    if isinstance(value, list) and isinstance(index, int) and -len(value) <= index < len(value):
        return value[index]
    return None


FAMILY: Final = Family(
    [
        _NameOrCall,
        _SubExpression,
        _FormalReference,
        _String,
        _InterpolatedString,
        _Hash,
        _Range,
        _BinaryOperator,
        _UnaryOperator,
        _Foreach,
        _Condition,
        _Set,
        _Include,
        _Parse,
        _Evaluate,
    ]
)

"""What a changed template changes: for the developer as lines, for the emulator as facts.

A line begins with `+` (new), `-` (gone), `~` (changed) or `!` (takes a restart).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local_gateway.api import Application, CustomIntegration, LambdaProxy, Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_gateway.api import Function, WebSocketApi

_SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL", re.IGNORECASE)
_SHOWN: Final = 60
"""How much of a value is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From one model of a template to the next."""

    lines: tuple[str, ...]
    """What is different, a line each; empty if nothing is."""
    functions: frozenset[str] = frozenset()
    """Logical ids of those that are new, gone or changed."""


@dataclass(slots=True)
class _Lines:
    """The lines of a difference while it is being found."""

    found: list[str] = field(default_factory=list[str])

    def add(self, sign: str, text: str) -> None:
        self.found.append(f"{sign} {text}")

    def compare(self, kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        """Note what is new and gone; go through the keys whose values differ."""
        for key in new:
            if key not in old:
                self.add("+", f"{kind} {key}")
        for key in old:
            if key not in new:
                self.add("-", f"{kind} {key}")
        yield from (key for key in new if key in old and new[key] != old[key])


def compare(old: Application, new: Application) -> Difference:
    """Return what is different in `new`."""
    lines = _Lines()
    _compare_apis(old, new, lines)
    _compare_http(old, new, lines)
    functions = _compare_functions(old.functions, new.functions, lines)
    _compare_sources(old, new, lines)
    _compare_services(old, new, lines)
    for name in _fields(old.outputs, new.outputs):
        lines.add("~", f"output {name}: {_shown(name, new.outputs.get(name))}")
    return Difference(lines=tuple(lines.found), functions=functions)


def _compare_apis(old: Application, new: Application, lines: _Lines) -> None:
    for logical_id in lines.compare("WebSocket API", old.websocket_apis, new.websocket_apis):
        before, after = old.websocket_apis[logical_id], new.websocket_apis[logical_id]
        for key in lines.compare(f"{logical_id} route", before.routes, after.routes):
            lines.add("~", f"{logical_id} route {key}: {_route(before.routes[key], after, key)}")
        for name in lines.compare(f"{logical_id} stage", before.stages, after.stages):
            variables = before.stages[name].variables, after.stages[name].variables
            changed = [
                f"{variable}={_shown(variable, variables[1].get(variable))}"
                for variable in _fields(*variables)
            ]
            lines.add("~", f"{logical_id} stage {name}: {', '.join(changed) or 'settings'}")
        if before.route_selection_expression != after.route_selection_expression:
            expression = after.route_selection_expression
            lines.add("~", f"{logical_id} route selection expression: {expression}")


def _route(before: Route, api: WebSocketApi, key: str) -> str:
    after = api.routes[key]
    if (was := _target(before)) != (is_now := _target(after)):
        return f"{was} → {is_now}"
    names = [
        each.name.removeprefix("is_").removeprefix("has_").replace("_", " ")
        for each in dataclasses.fields(Route)
        if getattr(before, each.name) != getattr(after, each.name)
    ]
    return ", ".join(names)


def _target(route: Route) -> str:
    match route.integration:
        case None:
            return "no integration"
        case LambdaProxy(function=function):
            return function
        case CustomIntegration(kind=kind, function=function, uri=uri):
            return " ".join(filter(None, (kind, function or uri)))


def _compare_http(old: Application, new: Application, lines: _Lines) -> None:
    for logical_id in lines.compare("HTTP API", old.http_apis, new.http_apis):
        before, after = (
            {route.route_key: route for route in application.http_apis[logical_id].routes}
            for application in (old, new)
        )
        for key in lines.compare(f"{logical_id} route", before, after):
            target = after[key].integration.function
            lines.add(
                "~", f"{logical_id} route {key}: {before[key].integration.function} → {target}"
            )


def _compare_functions(
    old: Mapping[str, Function], new: Mapping[str, Function], lines: _Lines
) -> frozenset[str]:
    changed = set(old.keys() ^ new.keys())
    for logical_id in lines.compare("function", old, new):
        changed.add(logical_id)
        before, after = old[logical_id], new[logical_id]
        for each in dataclasses.fields(after):
            values = getattr(before, each.name), getattr(after, each.name)
            if each.name == "environment":
                for name in _fields(*values):
                    value = _shown(name, values[1].get(name))
                    lines.add("~", f"function {logical_id}: {name}={value}")
            elif values[0] != values[1]:
                name = each.name.replace("_", " ")
                lines.add("~", f"function {logical_id}: {name} {_text(values[1])}")
    return frozenset(changed)


def _compare_sources(old: Application, new: Application, lines: _Lines) -> None:
    for kind, before, after in (
        ("queue mapping", old.queue_mappings, new.queue_mappings),
        ("schedule", old.schedules, new.schedules),
    ):
        named = [{each.logical_id: each for each in all_} for all_ in (before, after)]
        for logical_id in lines.compare(kind, *named):
            lines.add("~", f"{kind} {logical_id}")


def _compare_services(old: Application, new: Application, lines: _Lines) -> None:
    for kind, before, after in (
        ("table", old.tables, new.tables),
        ("queue", old.queues, new.queues),
    ):
        for logical_id in after.keys() - before.keys():
            lines.add("+", f"{kind} {logical_id}")
        for logical_id in before.keys() - after.keys():
            lines.add("!", f"{kind} {logical_id} is gone, and stays until a restart")
        for logical_id in after.keys() & before.keys():
            if after[logical_id] != before[logical_id]:
                lines.add("!", f"{kind} {logical_id} changed, which takes a restart")


def _fields(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names whose values differ, the new ones first."""
    return [name for name in {**new, **old} if new.get(name) != old.get(name)]


def _shown(name: str, value: str | None) -> str:
    """Return a value as it may stand on a terminal."""
    if value is None:
        return "(gone)"
    if _SECRET.search(name):
        return "****"
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _text(value: object) -> str:
    return "none" if value is None or value == () else str(value).strip("()")

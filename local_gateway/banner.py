"""What the emulator prints at its start: routes, URLs to paste, and what stands in for what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from local_gateway.api import CustomIntegration, LambdaProxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local_gateway.api import Application, Function, Ignored


def write_banner(
    application: Application,
    *,
    host: str,
    port: int,
    services: Mapping[str, str],
    debuggees: Mapping[str, str],
    token: str = "",
) -> str:
    """Return the whole text, aligned, without colours.

    Args:
        application: What is served.
        host: Where the emulator listens.
        port: Where the emulator listens.
        services: What is emulated by what, such as `SQS`: `moto on 127.0.0.1:4567`.
        debuggees: What waits for a debugger, by logical id, and where.
        token: What the inspector's page has to show.
    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    blocks = [_table(_routes(application)), _table(_urls(application, authority, token))]
    if keys := [key for key in application.api_keys.values() if key.is_drawn and key.is_enabled]:
        blocks.append(_table([(key.logical_id, "is", key.value) for key in keys]))
    if services:
        blocks.append(_table([(name, "is", by) for name, by in services.items()]))
    if debuggees:
        blocks.append(_table(list(debuggees.items())))
    if application.ignored:
        blocks.append(_ignored(application.ignored))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _routes(application: Application) -> list[tuple[str, ...]]:
    functions = application.functions
    rows: list[tuple[str, ...]] = []
    for api in application.websocket_apis.values():
        for route in api.routes.values():
            match route.integration:
                case None:
                    rows.append((api.logical_id, route.route_key, "-", "no integration"))
                case LambdaProxy(function=function):
                    rows.append(_row(api.logical_id, route.route_key, functions[function]))
                case CustomIntegration(kind=kind, function=function, uri=uri):
                    rows.append((api.logical_id, route.route_key, kind, function or uri or "-"))
            if route.authorizer is not None:
                asked = functions[route.authorizer.function]
                rows.append(_row(api.logical_id, f"{route.route_key} asks", asked))
    for http in application.http_apis.values():
        rows += [
            _row(http.logical_id, route.route_key, functions[route.integration.function])
            for route in http.routes
        ]
    for mapping in application.queue_mappings:
        function = functions[mapping.function]
        rows.append(_row(application.queues[mapping.queue].logical_id, "batch", function))
    for schedule in application.schedules:
        function = functions[schedule.function]
        rows.append(_row(schedule.logical_id, schedule.expression, function))
    return rows


def _ignored(resources: Iterable[Ignored]) -> str:
    """Count by type what is left out, and say why where the type alone doesn't."""
    resources = list(resources)
    kinds = Counter(resource.type for resource in resources if not resource.reason)
    counted = ", ".join(f"{kind} ({number})" for kind, number in sorted(kinds.items()))
    reasons = [f"  {each.logical_id}: {each.reason}" for each in resources if each.reason]
    return "\n".join([f"Not emulated: {counted}".rstrip(), *reasons])


def _row(source: str, key: str, function: Function) -> tuple[str, ...]:
    return source, key, function.logical_id, f"{function.code.name}/ {function.handler}"


def _urls(application: Application, authority: str, token: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    has_one = len(application.websocket_apis) == 1
    for api in application.websocket_apis.values():
        for stage in api.stages.values():
            path = stage.name if has_one else f"_apis/{api.logical_id}/{stage.name}"
            rows += [
                ("WebSocket", f"ws://{authority}/{path}"),
                ("Post", f"curl http://{authority}/{path}/@connections/CONNECTION_ID -d TEXT"),
            ]
    for http in application.http_apis.values():
        prefix = "" if http.stage.name == "$default" else f"{http.stage.name}/"
        rows.append(("HTTP", f"curl http://{authority}/{prefix}"))
    invoke = f"http://{authority}/2015-03-31/functions/NAME/invocations"
    rows.append(("Invoke", f"curl {invoke} -d '{{}}'"))
    rows.append(("Inspector", f"http://{authority}/_gateway/{f'#token={token}' * bool(token)}"))
    rows.append(("Health", f"http://{authority}/_gateway/health"))
    return rows


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    """Align columns; the last one is as long as it likes."""
    rows = list(rows)
    if not rows:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )

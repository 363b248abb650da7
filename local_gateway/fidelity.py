"""`local-gateway fidelity TEMPLATE`: how far what a template uses is known to be as on AWS.

Its features are families of clauses (`clauses`): for each one, which clauses a test proves, which
rest on an assumption and with which switch, and which have no test. Exit codes: 0 all of the
template is served, 2 something is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway import clauses
from local_gateway.api import CustomIntegration
from local_gateway.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_gateway.api import Application, WebSocketApi

_ALWAYS: Final = (
    *("ENDPOINT", "CONNECT", "SUBPROTOCOL", "EVENT", "ID", "ROUTE", "FRAME", "LIMIT", "CLOSE"),
    *("ORDER", "MANAGE", "TEMPLATE", "DEPLOY"),
)
"""Families that every WebSocket API uses."""


def report(load: Callable[[], Application]) -> tuple[int, str]:
    """Return the exit code and the text for a template that `load` reads."""
    try:
        application = load()
    except TemplateError as error:
        return 2, f"refused: {error}"
    used = set(_families(application))
    names = dict.fromkeys(clause.family for clause in clauses.read().values())
    lines = [_family(name) for name in names if name in used]
    for each in application.ignored:
        reason = f": {each.reason}" if each.reason else ""
        lines.append(f"ignored  {each.logical_id} ({each.type}){reason}")
    return 0, "\n".join(lines) or "the template has no WebSocket API"


def _family(name: str) -> str:
    members = [clause for clause in clauses.read().values() if clause.family == name]
    tested = [each for each in members if each.untested is None and each.tag != "assumed"]
    assumed = [each for each in members if each.untested is None and each.tag == "assumed"]
    untested = [each for each in members if each.untested is not None]
    lines = [f"{name}: {len(tested)} tested, {len(assumed)} assumed, {len(untested)} untested"]
    for clause in assumed:
        switch = f"  (switch: {clause.switch})" if clause.switch else ""
        lines.append(f"  assumed  {clause.id} {clause.text}{switch}")
    lines += [f"  untested {clause.id} {clause.text} {clause.untested}" for clause in untested]
    return "\n".join(lines)


def _families(application: Application) -> Iterator[str]:
    for api in application.websocket_apis.values():
        yield from _ALWAYS
        yield from _of_api(api)
    if application.functions:
        yield from ("CODE", "SDK", "RUNTIME", "PERMISSION")


def _of_api(api: WebSocketApi) -> Iterator[str]:
    for route in api.routes.values():
        yield from {"CUSTOM": ("AUTH",), "AWS_IAM": ("IAM", "SIGNATURE")}.get(
            route.authorization, ()
        )
        if route.has_route_response:
            yield "REPLY"
        if route.is_api_key_required:
            yield "KEY"
        if route.models or route.request_parameters:
            yield "MODEL"
        if isinstance(route.integration, CustomIntegration):
            yield from ("INTEGRATION", "MAPPING")
    if any(stage.throttle or stage.route_throttles for stage in api.stages.values()):
        yield "THROTTLE"

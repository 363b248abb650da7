"""What the emulator serves of its own: health, the clock, connections, functions, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local_gateway import clock, ids
from local_gateway.faults import FAULTS, InvalidFault
from local_gateway.metrics import CONTENT_TYPE
from local_gateway.own import Refusal, Resource, Text
from local_gateway.timekeeping import LONGEST_ADVANCE_SECONDS
from local_gateway.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from local_gateway.api import Application
    from local_gateway.faults import Faults
    from local_gateway.lambdas.functions import Functions
    from local_gateway.metrics import Metrics
    from local_gateway.registry import Registry
    from local_gateway.timekeeping import Timekeeper
    from local_gateway.why import Why


class Down(Refusal):
    """A part of the emulator is not up."""

    def __init__(self, content: Mapping[str, object]) -> None:
        """Take the answer."""
        super().__init__("down", status=503)
        self._content = dict(content)

    @property
    def content(self) -> dict[str, object]:
        """Return the same as when all is up."""
        return self._content


def health(parts: Callable[[], Mapping[str, bool]]) -> Resource:
    """Serve `/health`: 200 when every part is up, 503 when one is not."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        up = dict(parts())
        if not all(up.values()):
            raise Down({"status": "down", "parts": up})
        return {"status": "up", "parts": up}

    return Resource("/health", GET=get)


def metrics(found: Metrics) -> Resource:
    """Serve `/metrics`: what the functions counted, in Prometheus's text format."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        return Text(found.write(), CONTENT_TYPE)

    return Resource("/metrics", GET=get)


def the_clock(timekeeper: Timekeeper) -> Resource:
    """Serve `/clock`: GET tells the emulated time, POST `{"advance": seconds}` lets time pass."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        now_ms = clock.now_ms()
        return {
            "now": iso(now_ms),
            "nowMs": now_ms,
            "offsetSeconds": clock.ahead_ms() / 1000,
            "isVirtual": clock.is_frozen(),
        }

    async def post(body: object, path: Sequence[str]) -> object:
        await timekeeper.advance(_seconds(_fields(body, {"advance"}).get("advance")))
        return await get(None, path)

    return Resource("/clock", GET=get, POST=post)


def the_faults(faults: Faults) -> Resource:
    """Serve `/faults`: GET lists them, POST `{NAME: VALUE}` switches, DELETE switches all off."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        return {
            "seed": ids.current_seed(),
            "faults": {
                fault.name: {
                    "value": faults.value(fault.name),
                    "times": faults.times(fault.name),
                    "unit": fault.unit,
                    "highest": fault.highest,
                    "meaning": fault.meaning,
                }
                for fault in FAULTS.values()
            },
        }

    async def post(body: object, path: Sequence[str]) -> object:
        try:
            faults.set(_fields(body, FAULTS))
        except InvalidFault as error:
            raise Refusal(error.problem, allowed=error.allowed) from error
        return await get(None, path)

    async def delete(_body: object, path: Sequence[str]) -> object:
        faults.clear()
        return await get(None, path)

    return Resource("/faults", GET=get, POST=post, DELETE=delete)


def connections(registry: Registry, application: Callable[[], Application]) -> Resource:
    """Serve `/connections`: what is known of each that is open, the oldest first."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        apis = {api.api_id: api.logical_id for api in application().websocket_apis.values()}
        return {
            "connections": [
                {
                    "connectionId": each.connection_id,
                    "api": apis.get(each.api_id),
                    "stage": each.stage_name,
                    "connectedAt": iso(each.connected_at),
                    "lastActiveAt": iso(each.last_active_at),
                    "sourceIp": each.source_ip,
                    "userAgent": each.user_agent,
                    "principalId": each.principal_id,
                    "received": each.received,
                    "sent": each.sent,
                    "bufferedBytes": each.buffered_bytes,
                }
                for each in registry.connections()
            ]
        }

    return Resource("/connections", GET=get)


def the_template(application: Callable[[], Application]) -> Resource:
    """Serve `/template`: the WebSocket APIs with their stages and routes, and the functions."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        served = application()
        return {
            "template": str(served.template),
            "apis": [
                {
                    "api": api.logical_id,
                    "stages": list(api.stages),
                    "routes": list(api.routes),
                    "routeSelectionExpression": api.route_selection_expression,
                }
                for api in served.websocket_apis.values()
            ],
            "functions": {
                name: {"memoryMb": each.memory_mb, "timeoutSeconds": each.timeout_seconds}
                for name, each in served.functions.items()
            },
        }

    return Resource("/template", GET=get)


def recycling(functions: Functions, application: Callable[[], Application]) -> Resource:
    """Serve `/functions/{logicalId}/recycle`: the function's next event gets a new environment."""

    async def post(_body: object, path: Sequence[str]) -> object:
        known = application().functions
        if path[0] not in known:
            raise Refusal(
                f"the template has no function {path[0]}",
                status=404,
                allowed=known,
            )
        functions.recycle(path[0])
        return {"recycled": path[0]}

    return Resource("/functions/{}/recycle", POST=post)


def why_lines(why: Why) -> Resource:
    """Serve `/why`: what was said to the developer so far, with how often it has happened."""

    async def get(_body: object, _path: Sequence[str]) -> object:
        return {
            "why": [
                {
                    "id": said.reason.id,
                    "clause": said.reason.clause,
                    "place": said.place,
                    "text": said.text,
                    "times": said.times,
                }
                for said in why.said
            ]
        }

    return Resource("/why", GET=get)


def _fields(body: object, allowed: Iterable[str]) -> dict[str, Any]:
    """Return a body that is an object with these fields, or refuse it."""
    names = sorted(allowed)
    if not isinstance(body, dict):
        raise Refusal("the body is not a JSON object", allowed=names)
    fields = cast("dict[str, Any]", body)
    unknown = sorted(fields.keys() - set(names))
    if unknown:
        raise Refusal(f"unknown: {', '.join(unknown)}", allowed=names)
    return fields


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
        if 0 <= seconds <= LONGEST_ADVANCE_SECONDS:
            return seconds
    raise Refusal(
        f"advance is {value!r}, not a number of seconds",
        allowed=[f"0 to {LONGEST_ADVANCE_SECONDS:.0f}"],
    )

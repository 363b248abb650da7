"""Routes with integrations other than a Lambda proxy, and what a client gets of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from websockets.exceptions import InvalidStatus

from local_gateway.api import CustomIntegration, IntegrationResponse, Route
from tests.fakes.gateway import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import CustomKind, LambdaProxy
    from tests.fakes.gateway import Gateway

PATIENCE_SECONDS = 10.0


def custom(
    kind: CustomKind,
    template: str | None = None,
    *,
    responses: Mapping[str, str | None] | None = None,
    **more: Any,  # noqa: ANN401 — of the integration
) -> CustomIntegration:
    """Make an integration.

    Args:
        kind: Its type.
        template: Its request template under `$default`.
        responses: The template under `$default` of each integration response, None for one without
            templates; by default there is `$default` alone, without templates.
        **more: Whatever else an integration has.
    """
    made = tuple(
        IntegrationResponse(key=key, templates={} if text is None else {"$default": text})
        for key, text in ({"$default": None} if responses is None else responses).items()
    )
    templates = {} if template is None else {"$default": template}
    options: dict[str, Any] = {"templates": templates, "responses": made}
    return CustomIntegration(logical_id="Integration", kind=kind, **(options | more))


def route_to(
    integration: CustomIntegration | LambdaProxy | None,
    key: str = "$default",
    *,
    two_way: bool = True,
    **more: Any,  # noqa: ANN401 — of the route
) -> Route:
    """Make a route, two-way unless it is said otherwise."""
    return Route(
        logical_id="Route",
        route_key=key,
        integration=integration,
        has_route_response=two_way and key not in {"$connect", "$disconnect"},
        **more,
    )


async def ask(gateway: Gateway, text: str, query: str = "") -> str:
    """Connect a client, send a text and return what comes next."""
    async with asyncio.timeout(PATIENCE_SECONDS), gateway.connect(query) as client:
        await client.send(text)
        return str(await client.recv())


async def ask_json(gateway: Gateway, **message: Any) -> Any:  # noqa: ANN401 — any JSON
    """Send an object, and return the next one."""
    return orjson.loads(await ask(gateway, orjson.dumps(message).decode()))


async def error(gateway: Gateway, text: str = "{}") -> str:
    """Send a text, and return the `message` of the error frame that comes next."""
    frame: dict[str, str] = orjson.loads(await ask(gateway, text))
    assert list(frame) == ["message", "connectionId", "requestId"]
    return frame["message"]


async def refusal(gateway: Gateway, query: str = "") -> Response:
    """Connect, and return the answer, which must be a refusal."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), gateway.connect(query):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as refused:
        headers = {name.lower(): value for name, value in refused.response.headers.items()}
        return Response(refused.response.status_code, headers, bytes(refused.response.body or b""))


async def accepted(gateway: Gateway, query: str = "", **options: Any) -> str | None:  # noqa: ANN401
    """Connect, and return the subprotocol."""
    async with asyncio.timeout(PATIENCE_SECONDS), gateway.connect(query, **options) as client:
        return client.subprotocol

"""The front end of HTTP APIs: one ASGI call is one request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from local_gateway import clock
from local_gateway.http_api import cors
from local_gateway.http_api.event import write_event
from local_gateway.http_api.request import BodyTooLarge, ClientGone, Request, read_body
from local_gateway.http_api.response import (
    INTERNAL_SERVER_ERROR,
    NOT_FOUND,
    SERVICE_UNAVAILABLE,
    TOO_LARGE,
    Response,
    read_response,
)
from local_gateway.http_api.routing import Router
from local_gateway.ids import GatewayIds
from local_gateway.integration import MalformedResponse
from local_gateway.lambdas.result import InvocationRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_gateway.api import Application, HttpApi, LambdaProxy
    from local_gateway.asgi import Receive, Scope, Send
    from local_gateway.integration import Functions
    from local_gateway.lambdas.result import InvokeResult

_logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Payload size of an HTTP API (developer guide, "Quotas")."""
_NO_BODY = frozenset({204, 304})


class HttpApiFront:
    """Serves the HTTP APIs of one template.

    A stage other than `$default` is the first segment of the path, which must then be there.
    """

    def __init__(self, application: Application, functions: Functions) -> None:
        """Take the template's APIs, and what runs their functions."""
        self._identity = application.identity
        self._functions = functions
        self._running: set[asyncio.Task[InvokeResult]] = set()
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Serve the APIs of a changed template from now on."""
        apis = application.http_apis
        self._routers = {name: Router(api.routes) for name, api in apis.items()}
        self._ids = {name: GatewayIds(api.api_id) for name, api in apis.items()}

    async def __call__(self, api: HttpApi, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to `api`."""
        now_ms = clock.now_ms()
        request_id = self._ids[api.logical_id].new_request_id(now_ms)
        headers = _decode(scope["headers"])
        length = dict(headers).get("content-length")
        try:
            body = await read_body(length, receive, MAX_BODY_BYTES)
        except BodyTooLarge:
            await _respond(send, TOO_LARGE, request_id, now_ms)
            return
        except ClientGone:
            return
        client, server = scope.get("client") or ("127.0.0.1", 0), scope.get("server") or ("", 80)
        request = Request(
            method=scope["method"],
            raw_path=scope["raw_path"].decode("latin-1"),
            query_string=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            source_ip=client[0],
            protocol=f"HTTP/{scope['http_version']}",
            scheme=scope["scheme"],
            port=server[1],
        )
        response = await self._answer(api, request, request_id, now_ms)
        await _respond(send, response, request_id, now_ms)

    async def _answer(
        self, api: HttpApi, request: Request, request_id: str, now_ms: int
    ) -> Response:
        if api.cors is not None:
            preflight = cors.answer_preflight(api.cors, request)
            if preflight is not None:
                return preflight
        path = _without_stage(api, request.raw_path)
        router = self._routers[api.logical_id]
        match = None if path is None else router.match(request.method, path)
        if match is None:
            return NOT_FOUND
        event = write_event(
            request, match, api, self._identity, request_id=request_id, now_ms=now_ms
        )
        response = await self._integrate(match.route.integration, event)
        return response if api.cors is None else cors.add_headers(api.cors, request, response)

    async def _integrate(self, integration: LambdaProxy, event: bytes) -> Response:
        """Invoke the function; one that takes longer than its integration goes on alone."""
        task = asyncio.create_task(self._functions.invoke(integration.function, event))
        self._running.add(task)
        task.add_done_callback(self._finished)
        with contextlib.suppress(TimeoutError):
            async with clock.timeout(integration.timeout_ms / 1000):
                await asyncio.wait({task})
        if not task.done():
            _logger.warning("%s took longer than its integration waits", integration.function)
            return SERVICE_UNAVAILABLE
        if (
            task.cancelled()
            or task.exception() is not None
            or task.result().function_error is not None
        ):
            return INTERNAL_SERVER_ERROR
        try:
            return read_response(task.result().payload)
        except MalformedResponse as error:
            _logger.warning("%s returned no response: %s", integration.function, error)
            return INTERNAL_SERVER_ERROR

    def _finished(self, task: asyncio.Task[InvokeResult]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, InvocationRefused):
            _logger.warning("%s", error)
        elif error is not None:
            _logger.error("invoking a function failed", exc_info=error)

    async def stop(self) -> None:
        """Give up the functions that nobody waits for any more."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _decode(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers
    )


def _without_stage(api: HttpApi, raw_path: str) -> str | None:
    """Return the path behind the stage, None if the path isn't in it."""
    if api.stage.name == "$default":
        return raw_path
    stage, slash, rest = raw_path.removeprefix("/").partition("/")
    return f"{slash or '/'}{rest}" if stage == api.stage.name else None


async def _respond(send: Send, response: Response, request_id: str, now_ms: int) -> None:
    headers = [(b"date", clock.http_date(now_ms // 1000))]
    headers.extend((name.encode(), _encode(value)) for name, value in response.headers)
    headers.append((b"apigw-requestid", request_id.encode()))
    body = b"" if response.status in _NO_BODY else response.body
    if response.status not in _NO_BODY:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encode(value: str) -> bytes:
    """Return a header's value as bytes: Latin-1 where it can be, as HTTP has it, else UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()

"""`HTTP` and `HTTP_PROXY`: what a back-end on HTTP is asked."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from local_gateway import ids
from local_gateway.integration import (
    BackendUnreachable,
    IntegrationError,
    ProxyResponse,
    TemplateFailed,
)
from local_gateway.integrations.backend import BackendRequest, BackendResponse
from local_gateway.integrations.http_client import HttpRequest
from local_gateway.integrations.variables import Payload, path_encode, url_encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import CustomIntegration
    from local_gateway.integration import Call
    from local_gateway.integrations.backend import Settle
    from local_gateway.integrations.http_client import HttpClient
    from local_gateway.integrations.mapping import ParameterMapping
    from local_gateway.integrations.variables import Event

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_DOTS: Final = frozenset({".", ".."})
"""Segments that a back-end takes for a step in its tree."""
_TRACE: Final = "X-Amzn-Trace-Id"


class HttpBackend:
    """One URL with its method."""

    __slots__ = ("_client", "_gateway", "_integration", "_uri")

    def __init__(
        self,
        client: HttpClient,
        integration: CustomIntegration,
        uri: str,
        gateway: Callable[[], str] | None = None,
    ) -> None:
        """Take the integration, and its URI as it is on this stage.

        `gateway` returns where the host of the URI is served, if that is here.
        """
        self._client = client
        self._integration = integration
        self._uri = uri
        self._gateway = gateway

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """See `Backend`."""
        try:
            body = _decode(request.body) if self._integration.is_binary else request.body.encode()
            url = self._url(request)
        except IntegrationError as error:
            settle(error)
            return
        headers = _headers(request)
        if self._gateway is not None:
            parts = urlsplit(url)
            headers = [("Host", parts.netloc), *(pair for pair in headers if pair[0] != "Host")]
            url = self._gateway() + parts._replace(scheme="", netloc="").geturl()
        self._client.send(
            HttpRequest(
                method="POST" if self._integration.method == "ANY" else self._integration.method,
                url=url,
                headers=headers,
                body=body,
                timeout_ms=self._integration.timeout_ms,
            ),
            settle,
        )

    def _url(self, request: BackendRequest) -> str:
        path = request.parameters.path

        def fill(match: re.Match[str]) -> str:
            return path_encode(path.get(match[1], ""))

        url = _PLACEHOLDER.sub(fill, self._uri)
        if path and not _DOTS.isdisjoint(urlsplit(url).path.split("/")):
            raise BackendUnreachable(f"{url}: a path parameter is a step to another path")
        if not request.parameters.query:
            return url
        pairs = (
            f"{url_encode(name)}={url_encode(value)}" for name, value in request.parameters.query
        )
        return f"{url}{'&' if '?' in url else '?'}{'&'.join(pairs)}"


class HttpProxyTarget:
    """The back-end gets the message as it is, and its answer is the answer."""

    __slots__ = ("_backend", "_parameters", "timeout_ms")

    def __init__(self, backend: HttpBackend, parameters: ParameterMapping, timeout_ms: int) -> None:
        """Take the back-end, and what it is told besides the message."""
        self._backend = backend
        self._parameters = parameters
        self.timeout_ms = timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        event: Event = orjson.loads(call.write_event())
        payload = Payload(event.get("body") or "")

        def settle(outcome: BackendResponse | IntegrationError) -> None:
            if isinstance(outcome, BackendResponse):
                call.settle(_proxy_response(outcome))
            else:
                call.fail(outcome)

        parameters = self._parameters.apply(event, payload)
        self._backend.send(BackendRequest(event, payload.text, parameters), settle)


def _proxy_response(response: BackendResponse) -> ProxyResponse:
    headers = {name: values[-1] for name, values in response.headers.items()}
    return ProxyResponse(response.status, response.body.decode(errors="replace"), headers)


def _headers(request: BackendRequest) -> list[tuple[str, str]]:
    """Return the mapped headers, and those that API Gateway adds unless they are mapped."""
    context: Mapping[str, object] = request.event["requestContext"]
    given: Mapping[str, str] = request.event.get("headers") or {}
    api_id = str(context["apiId"])
    added = {
        "Content-Type": "application/json",
        "User-Agent": f"AmazonAPIGateway_{api_id}",
        "x-amzn-apigateway-api-id": api_id,
        _TRACE: given.get(_TRACE) or ids.new_trace_id(int(str(context["requestTimeEpoch"]))),
    }
    mapped = request.parameters.headers
    names = {name.lower() for name, _ in mapped}
    return [*mapped, *(pair for pair in added.items() if pair[0].lower() not in names)]


def _decode(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TemplateFailed(f"CONVERT_TO_BINARY gets what isn't base64: {error}") from error

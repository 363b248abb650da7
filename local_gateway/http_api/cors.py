"""What API Gateway does by itself for an API with `CorsConfiguration`.

Developer guide, "Configure CORS for HTTP APIs": a preflight is answered without a route, configured
headers are added to an integration's response, and those of its own are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway.http_api.response import Response

if TYPE_CHECKING:
    from local_gateway.api import Cors
    from local_gateway.http_api.request import Request

_PREFIX = "access-control-"


def answer_preflight(cors: Cors, request: Request) -> Response | None:
    """Return the answer to a preflight, None if the request is none.

    An origin that isn't allowed gets the same 204 without any of the headers.
    """
    headers = request.joined_headers
    origin = headers.get("origin")
    if request.method != "OPTIONS" or not origin:
        return None
    if "access-control-request-method" not in headers:
        return None
    allowed = _allow(cors, origin)
    if allowed is None:
        return Response(204)
    answer = [*allowed]
    if cors.allow_methods:
        answer.append((f"{_PREFIX}allow-methods", ",".join(cors.allow_methods)))
    if cors.allow_headers:
        answer.append((f"{_PREFIX}allow-headers", ",".join(cors.allow_headers)))
    if cors.max_age_seconds is not None:
        answer.append((f"{_PREFIX}max-age", str(cors.max_age_seconds)))
    return Response(204, tuple(answer))


def add_headers(cors: Cors, request: Request, response: Response) -> Response:
    """Return the response of an integration with the configured headers in place of its own."""
    headers = [item for item in response.headers if not item[0].startswith(_PREFIX)]
    allowed = _allow(cors, request.joined_headers.get("origin", ""))
    if allowed is not None:
        headers.extend(allowed)
    return Response(response.status, tuple(headers), response.body)


def _allow(cors: Cors, origin: str) -> list[tuple[str, str]] | None:
    """Return what both kinds of answers say to an origin, None if it isn't allowed."""
    value = _match(cors, origin)
    if value is None:
        return None
    headers = [(f"{_PREFIX}allow-origin", value)]
    if cors.allow_credentials:
        headers.append((f"{_PREFIX}allow-credentials", "true"))
    if cors.expose_headers:
        headers.append((f"{_PREFIX}expose-headers", ",".join(cors.expose_headers)))
    return headers


def _match(cors: Cors, origin: str) -> str | None:
    """Return the value of Access-Control-Allow-Origin; `https://*` allows every origin of https."""
    if not origin:
        return None
    if "*" in cors.allow_origins:
        return "*"
    for allowed in cors.allow_origins:
        if origin == allowed or (allowed.endswith("://*") and origin.startswith(allowed[:-1])):
            return origin
    return None

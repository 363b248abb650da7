"""What a function is given: the event of payload format 2.0.

Its shape is that of the developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".
Where the guide is silent: `rawPath` is decoded, and begins with the stage unless that is
`$default`; `cookie` is not among the headers; a body is base64 unless its type is known to be text.
`host` and the `x-forwarded` headers tell what the client really did, so that links which a function
builds from them work here.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import orjson

from local_gateway import ids
from local_gateway.event import request_time

if TYPE_CHECKING:
    from local_gateway.api import HttpApi, Identity
    from local_gateway.http_api.request import Request
    from local_gateway.http_api.routing import Match

_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})


def write_event(
    request: Request,
    match: Match,
    api: HttpApi,
    identity: Identity,
    *,
    request_id: str,
    now_ms: int,
) -> bytes:
    """Write the event of one request."""
    headers = _headers(request, now_ms)
    cookies = headers.pop("cookie", None)
    path = unquote(request.raw_path)
    domain_name = api.domain_name(identity)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.route_key,
        "rawPath": path,
        "rawQueryString": request.query_string,
    }
    if cookies is not None:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    event["headers"] = headers
    query = _query(request.query_string)
    if query:
        event["queryStringParameters"] = query
    event["requestContext"] = {
        "accountId": identity.account_id,
        "apiId": api.api_id,
        "domainName": domain_name,
        "domainPrefix": domain_name.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.route.route_key,
        "stage": api.stage.name,
        "time": request_time(now_ms // 1000).decode(),
        "timeEpoch": now_ms,
    }
    if match.path_parameters:
        event["pathParameters"] = match.path_parameters
    if api.stage.variables:
        event["stageVariables"] = dict(api.stage.variables)
    text = _text(request)
    if request.body:
        event["body"] = b64encode(request.body).decode() if text is None else text
    event["isBase64Encoded"] = bool(request.body) and text is None
    return orjson.dumps(event)


def _headers(request: Request, now_ms: int) -> dict[str, str]:
    """Return the client's headers and those that the service adds, sorted by name."""
    headers = dict(request.joined_headers)
    headers["cookie"] = ";".join(v for name, v in request.headers if name == "cookie")
    if not headers["cookie"]:
        del headers["cookie"]
    for hop in ("connection", "transfer-encoding"):
        headers.pop(hop, None)
    forwarded_for = headers.get("x-forwarded-for")
    hops = [forwarded_for, request.source_ip] if forwarded_for else [request.source_ip]
    headers["content-length"] = str(len(request.body))
    headers["x-forwarded-for"] = ", ".join(hops)
    headers["x-forwarded-port"] = str(request.port)
    headers["x-forwarded-proto"] = request.scheme
    headers.setdefault("x-amzn-trace-id", ids.new_trace_id(now_ms))
    return dict(sorted(headers.items()))


def _query(query_string: str) -> dict[str, str]:
    """Return the decoded parameters, those of one name joined with commas."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query_string, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(of_name) for name, of_name in values.items()}


def _text(request: Request) -> str | None:
    """Return the body as text, None if it has to be base64."""
    headers = request.joined_headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text = media_type in _TEXT_TYPES or media_type.startswith("text/")
    is_text = is_text or media_type.endswith(("+json", "+xml"))
    if not is_text or headers.get("content-encoding", "identity") != "identity":
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None

"""What a function is given: CONNECT, MESSAGE and DISCONNECT events, byte for byte as AWS's.

The order of keys, what is absent and which headers there are follow the captures that EVENT-1,
EVENT-18 and EVENT-23 name.
An event is joined from pieces of JSON, of which all but the ids, the time and the body are written
once per stage, route or connection: MESSAGE events are the hot path.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

import orjson

from local_gateway import ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_gateway.api import Identity, Stage, WebSocketApi

_REMOVED = frozenset({"connection", "upgrade", "content-length"})
"""Headers of the handshake that the proxy event lacks (EVENT-5)."""
_REPLACED = frozenset(
    {"host", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
)
"""Headers that the service writes itself."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ONLY_FOR_AUTHORIZERS = {
    "Connection": ["upgrade"],
    "content-length": ["0"],
    "Upgrade": ["websocket"],
}
_NO_QUERY = b'"queryStringParameters":{},"multiValueQueryStringParameters":{},'
_END = b',"isBase64Encoded":false}'


@dataclass(frozen=True, slots=True)
class Handshake:
    """The client's request, as the server core read it."""

    headers: Sequence[tuple[bytes, bytes]]
    """In the client's order and case."""
    query_string: bytes
    source_ip: str
    raw_path: bytes = b"/"
    """Percent-encoded, as it was sent."""
    trace_id: str | None = None
    """What `X-Amzn-Trace-Id` is, if the client doesn't say; None draws another in each event."""

    def header(self, name: str) -> str | None:
        """Return the last value of a header, its name in lower case, None if there is none."""
        wanted, found = name.encode("latin-1"), None
        for each, value in self.headers:
            if each.lower() == wanted:
                found = value.decode("latin-1")
        return found

    def query(self) -> dict[str, str]:
        """Return the query parameters, of a repeated one the last value."""
        return {name: values[-1] for name, values in _parse_query(self.query_string).items()}


@dataclass(frozen=True, slots=True)
class Caller:
    """What every event of one connection says about it."""

    connection_id: str
    connected_at: int
    """Milliseconds since the epoch."""
    identity: bytes
    """`requestContext.identity` as JSON, of `write_identity`."""
    authorizer: bytes = b""
    """`requestContext.authorizer` as a pair of JSON, of `write_authorizer`."""


class Request(NamedTuple):
    """What tells one event of a connection from another."""

    request_id: str
    now_ms: int


class Events:
    """Writes the events of one stage of one API."""

    __slots__ = ("_api_id", "_domain_name", "_host", "_query_value", "_stage", "_stage_variables")

    def __init__(
        self,
        api: WebSocketApi,
        stage: Stage,
        identity: Identity,
        *,
        takes_first: bool = False,
    ) -> None:
        """Write the pieces that are the same in all events.

        `takes_first` puts the first value of a repeated query parameter into the map of single
        values instead of the last (EVENT-12).
        """
        self._query_value = 0 if takes_first else -1
        variables = dict(stage.variables)
        self._host = api.domain_name(identity)
        self._stage = b'"stage":' + orjson.dumps(stage.name)
        self._domain_name = b'"domainName":' + orjson.dumps(self._host)
        self._api_id = b'"apiId":' + orjson.dumps(api.api_id)
        # Present only if the stage defines variables (EVENT-15).
        self._stage_variables = _pairs({"stageVariables": variables}) if variables else b""

    def connect(self, handshake: Handshake, caller: Caller, request: Request) -> bytes:
        """Write a CONNECT event (EVENT-1)."""
        return b"".join(
            (
                b"{",
                _pairs(_maps("headers", "multiValueHeaders", self._headers(handshake, request))),
                _query(handshake.query_string, self._query_value),
                self._stage_variables,
                b'"requestContext":{"routeKey":"$connect",',
                caller.authorizer,
                b'"eventType":"CONNECT",',
                self._context(caller, request),
                _END,
            )
        )

    def authorizer(
        self, method_arn: str, handshake: Handshake, caller: Caller, request: Request
    ) -> bytes:
        """Write the event of a REQUEST authorizer (AUTH-5): it has headers that CONNECT lacks."""
        headers = self._headers(handshake, request) | _ONLY_FOR_AUTHORIZERS
        return b"".join(
            (
                b'{"type":"REQUEST",',
                _pairs({"methodArn": method_arn}),
                _pairs(_maps("headers", "multiValueHeaders", _sorted(headers))),
                _query(handshake.query_string, self._query_value) or _NO_QUERY,
                self._stage_variables or b'"stageVariables":{},',
                b'"requestContext":{"routeKey":"$connect","eventType":"CONNECT",',
                self._context(caller, request),
                b"}",
            )
        )

    def disconnect(self, caller: Caller, request: Request, code: int, reason: str) -> bytes:
        """Write a DISCONNECT event (EVENT-23): its four headers are blank but for the host."""
        headers = {
            "Host": [self._host],
            "x-api-key": [""],
            "X-Forwarded-For": [""],
            "x-restapi": [""],
        }
        return b"".join(
            (
                b"{",
                _pairs(_maps("headers", "multiValueHeaders", headers)),
                self._stage_variables,
                b'"requestContext":{"routeKey":"$disconnect","disconnectStatusCode":%d,' % code,
                caller.authorizer,
                b'"eventType":"DISCONNECT",',
                self._context(caller, request, _pairs({"disconnectReason": reason})),
                _END,
            )
        )

    def message_head(self, route_key: str) -> bytes:
        """Write the beginning of the MESSAGE events of one route, for `message`."""
        key = orjson.dumps(route_key)
        return b'{%b"requestContext":{"routeKey":%b,' % (self._stage_variables, key)

    def message(
        self, head: bytes, message_id: str, text: str, caller: Caller, request: Request
    ) -> bytes:
        """Write a MESSAGE event (EVENT-18): `body` is the exact text of the message."""
        return b"".join(
            (
                head,
                caller.authorizer,
                b'"messageId":"',
                message_id.encode(),
                b'","eventType":"MESSAGE",',
                self._context(caller, request),
                b',"body":',
                orjson.dumps(text),
                _END,
            )
        )

    def _context(self, caller: Caller, request: Request, reason: bytes = b"") -> bytes:
        """Write the rest of `requestContext`, which all events share but for `reason`."""
        request_id = request.request_id.encode()
        return (
            b'"extendedRequestId":"%b","requestTime":"%b","messageDirection":"IN",%b%b,'
            b'"connectedAt":%d,"requestTimeEpoch":%d,"identity":%b,"requestId":"%b",%b,'
            b'"connectionId":"%b",%b}'
        ) % (
            request_id,
            request_time(request.now_ms // 1000),
            reason,
            self._stage,
            caller.connected_at,
            request.now_ms,
            caller.identity,
            request_id,
            self._domain_name,
            caller.connection_id.encode(),
            self._api_id,
        )

    def _headers(self, handshake: Handshake, request: Request) -> dict[str, list[str]]:
        """Return the client's headers in its case and those that the service adds, sorted.

        `Host` is the API's domain name, which the client connected to on AWS; so it is here,
        although the client connected to a loopback address.
        """
        headers: dict[str, list[str]] = {}
        theirs: dict[str, list[str]] = {}
        for raw_name, raw_value in handshake.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            lower = name.lower()
            if lower in _REPLACED:
                theirs.setdefault(lower, []).append(value)
            elif lower not in _REMOVED:
                headers.setdefault(name, []).append(value)
        forwarded = [*theirs.get("x-forwarded-for", []), handshake.source_ip]
        headers["Host"] = [self._host]
        headers["X-Amzn-Trace-Id"] = theirs.get("x-amzn-trace-id") or [
            handshake.trace_id or ids.new_trace_id(request.now_ms)
        ]
        headers["X-Forwarded-For"] = [", ".join(forwarded)]
        headers["X-Forwarded-Port"] = ["443"]
        headers["X-Forwarded-Proto"] = ["https"]
        return _sorted(headers)


@lru_cache(maxsize=256)
def write_identity(source_ip: str, user_agent: str | None) -> bytes:
    """Write `requestContext.identity`; without a `User-Agent` header it has none (EVENT-14).

    Most connections come from few clients, and share the bytes.
    """
    identity = {"userAgent": user_agent} if user_agent is not None else {}
    return orjson.dumps({**identity, "sourceIp": source_ip})


def write_authorizer(context: Mapping[str, object]) -> bytes:
    """Write `requestContext.authorizer` as events have it, a comma behind it."""
    return _pairs({"authorizer": context})


@lru_cache(maxsize=8)
def request_time(second: int) -> bytes:
    """Return `requestTime` of a second since the epoch: `dd/MMM/yyyy:HH:mm:ss +0000`.

    The month is English, which `strftime` would not promise.
    """
    at = datetime.fromtimestamp(second, UTC)
    return f"{at:%d}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000".encode()


def _query(query_string: bytes, which: int) -> bytes:
    """Write the two query maps, or nothing if there is no query (EVENT-9, EVENT-11)."""
    values = _parse_query(query_string) if query_string else {}
    if not values:
        return b""
    return _pairs(_maps("queryStringParameters", "multiValueQueryStringParameters", values, which))


def _parse_query(query_string: bytes) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return values


def _maps(
    single: str, multi: str, values: Mapping[str, list[str]], which: int = -1
) -> dict[str, object]:
    """Return two maps: of one of each name's values, and of all of them."""
    return {single: {name: of_name[which] for name, of_name in values.items()}, multi: values}


def _sorted(headers: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return dict(sorted(headers.items(), key=lambda item: item[0].lower()))


def _pairs(pairs: Mapping[str, object]) -> bytes:
    """Write the pairs of an object with a comma after each, and no braces."""
    return orjson.dumps(pairs)[1:-1] + b","

"""What Lambda hands in, read into types: only what we use, and tolerant of more.

The shapes are API Gateway's for WebSocket APIs (developer guide,
«apigateway-websocket-api-integration-requests») and SQS's (Lambda guide, «with-sqs»). An event
that lacks what we use is no client's fault: it raises `msgspec.ValidationError`, and the
invocation fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

Event = Mapping[str, Any]
"""Lambda's event, as its runtime decoded it."""


class LambdaContext(Protocol):
    """What we use of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation has still to live."""
        ...


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """A `$connect` event."""

    connection_id: str
    connected_at_ms: int
    client_id: str | None
    """The query's `channelId`; of several the last. As it came: nobody has checked it."""
    epoch: str | None = None
    """The query's `epoch` and `seq`, where the client stands, as they came."""
    seq: str | None = None
    takes_batches: bool = False
    """Whether the query has `batch=1`."""
    token: str | None = None
    """The query's `token`."""
    ticket: str | None = None
    """The query's `ticket`."""
    origin: str | None = None
    """The header `Origin`, which browsers send; of several all, with commas."""
    subprotocols: tuple[str, ...] = ()
    """Those that the client offers, in order."""
    authorizer: dict[str, Any] | None = None
    """What the authorizer said of whoever connects; None without an authorizer."""
    resource: str = ""
    """In an authorizer's event, the ARN of what is asked for; else empty."""
    request_id: str


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A `$default` event."""

    connection_id: str
    text: str | None
    """The message as it came."""
    authorizer: dict[str, Any] | None = None
    """What the authorizer said when the connection was made; None without an authorizer."""
    request_id: str


class Farewell(msgspec.Struct, frozen=True, kw_only=True):
    """A `$disconnect` event."""

    connection_id: str
    connected_at_ms: int
    request_id: str


class RecordAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What SQS says of a record; numbers are texts."""

    receive_count: str = msgspec.field(name="ApproximateReceiveCount")


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A record of an SQS event."""

    message_id: str
    """SQS's own id, by which a failure is reported."""
    body: str
    receipt_handle: str
    """Names this receiving of the record towards the queue."""
    attributes: RecordAttributes


class _WebSocketContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    connection_id: str
    connected_at: int
    request_id: str
    authorizer: dict[str, Any] | None = None


class _WebSocketEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    request_context: _WebSocketContext
    query_string_parameters: dict[str, str] | None = None
    """Absent without a query string."""
    body: str | None = None


class _HandshakeEvent(_WebSocketEvent, frozen=True, kw_only=True, rename="camel"):
    multi_value_headers: dict[str, list[str]] | None = None
    method_arn: str = ""


class _SqsEvent(msgspec.Struct, frozen=True, kw_only=True):
    records: list[Record] = msgspec.field(name="Records")


class _HttpContext(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    request_id: str


class _HttpEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    request_context: _HttpContext


def read_handshake(event: Event) -> Handshake:
    """Read a `$connect` event, or that of its authorizer."""
    found = msgspec.convert(event, _HandshakeEvent)
    query = found.query_string_parameters or {}
    headers = {
        name.lower(): ",".join(values) for name, values in (found.multi_value_headers or {}).items()
    }
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return Handshake(
        connection_id=found.request_context.connection_id,
        connected_at_ms=found.request_context.connected_at,
        client_id=query.get("channelId"),
        epoch=query.get("epoch"),
        seq=query.get("seq"),
        takes_batches=query.get("batch") == "1",
        token=query.get("token"),
        ticket=query.get("ticket"),
        origin=headers.get("origin"),
        subprotocols=tuple(each.strip() for each in offered if each.strip()),
        authorizer=found.request_context.authorizer,
        resource=found.method_arn,
        request_id=found.request_context.request_id,
    )


def read_frame(event: Event) -> Frame:
    """Read a `$default` event."""
    found = msgspec.convert(event, _WebSocketEvent)
    return Frame(
        connection_id=found.request_context.connection_id,
        text=found.body,
        authorizer=found.request_context.authorizer,
        request_id=found.request_context.request_id,
    )


def read_farewell(event: Event) -> Farewell:
    """Read a `$disconnect` event."""
    found = msgspec.convert(event, _WebSocketEvent)
    return Farewell(
        connection_id=found.request_context.connection_id,
        connected_at_ms=found.request_context.connected_at,
        request_id=found.request_context.request_id,
    )


def read_records(event: Event) -> list[Record]:
    """Read an SQS event."""
    return msgspec.convert(event, _SqsEvent).records


def write_policy(principal_id: str, context: Mapping[str, str], resource: str) -> dict[str, Any]:
    """Return the answer of an authorizer that lets this principal in.

    («apigateway-websocket-api-lambda-auth», and «Output from an API Gateway Lambda authorizer».)
    """
    return _write_policy("Allow", principal_id, resource) | {"context": dict(context)}


def write_denial(resource: str) -> dict[str, Any]:
    """Return the answer of an authorizer that knows who asks, and refuses: 403."""
    return _write_policy("Deny", "nobody", resource)


def _write_policy(effect: str, principal_id: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": principal_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }


def read_http_request_id(event: Event) -> str:
    """Return the request id of an HTTP API's event, payload format 2.0."""
    return msgspec.convert(event, _HttpEvent).request_context.request_id

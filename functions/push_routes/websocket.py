"""`GET /asyncapi.json`: the WebSocket side, described as AsyncAPI 3.0.

Shapes come from `cloudpush.protocol`, so what is described is what is read and written.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import wiring
from cloudpush.notifying import ReceiptsTold
from cloudpush.protocol import SUBPROTOCOL, Envelope, Inbound, MsgType
from cloudpush.settings import required
from push_routes import answers
from push_routes.describing import CLIENT_ID_PATTERN

router = APIRouter()

_FROM_CLIENT: Final = {
    MsgType.BUSINESS: "Push to others.",
    MsgType.BUSINESS_ACK: "Acknowledge: all up to `seq`, or the one with `messageId`.",
    MsgType.HEARTBEAT: "A sign of life.",
    MsgType.RESUME: "Say where the client stands, by `epoch` and `seq`.",
}
_TO_CLIENT: Final = {
    MsgType.ERROR: "What was wrong: `code`, `temporary`, `resultMsg`.",
    MsgType.CONNECTION: "The first that a client hears: its session, and where its inbox stands.",
    MsgType.BUSINESS: "A message for this client.",
    MsgType.BUSINESS_ACK: "The answer to BUSINESS: the targets that are `missing`.",
    MsgType.HEARTBEAT_ACK: "The answer to HEARTBEAT.",
    MsgType.RESUME_ACK: "The answer to RESUME: where replay begins.",
    MsgType.CLOSE: "Why the connection is about to be closed, in `closeCode`.",
}
_BATCH: Final = "ServiceBatch"


@router.get("/asyncapi.json", include_in_schema=False)
async def get_asyncapi() -> Response:
    """Return the AsyncAPI document."""
    url = required(wiring.current().settings.websocket_url, "WEBSOCKET_URL")
    return answers.json(200, describe(url))


def describe(websocket_url: str) -> dict[str, Any]:
    """Return the AsyncAPI document of the WebSocket API at this URL."""
    protocol, _, rest = websocket_url.partition("://")
    host, _, path = rest.partition("/")
    envelopes = {
        _name(who, each): _message(each, summary, shape)
        for who, shape, found in (
            ("Client", "Inbound", _FROM_CLIENT),
            ("Service", "Envelope", _TO_CLIENT),
        )
        for each, summary in found.items()
    }
    batch = {
        "name": "batch",
        "summary": "Several of BUSINESS with `qos` 1 in one text, for who asked for `batch=1`.",
        "payload": {
            "type": "array",
            "minItems": 2,
            "items": envelopes[_name("Service", MsgType.BUSINESS)]["payload"],
        },
    }
    envelopes[_BATCH] = batch
    receipts = {
        "name": "receipts",
        "summary": "How deliveries ended, each at least once.",
        "payload": {"$ref": "#/components/schemas/ReceiptsTold"},
    }
    shapes = msgspec.json.schema_components(
        [Inbound, Envelope, ReceiptsTold], ref_template="#/components/schemas/{name}"
    )[1]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "cloudpush", "version": "1", "description": "One JSON object a text."},
        "defaultContentType": "application/json",
        "servers": {
            "stage": {"host": host, "pathname": f"/{path}", "protocol": protocol},
        },
        "channels": {
            "connection": {
                "address": "/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in envelopes},
                "bindings": {"ws": {"query": _query(), "headers": _headers()}},
            },
            "receipts": {
                "address": None,  # the deployment's own
                "description": "Signed POSTs to the sender's receiver; /openapi.json has more.",
                "messages": {"ServiceReceipts": {"$ref": "#/components/messages/ServiceReceipts"}},
            },
        },
        "operations": {
            "fromClient": _operation("receive", [_name("Client", each) for each in _FROM_CLIENT]),
            "toClient": _operation(
                "send", [*(_name("Service", each) for each in _TO_CLIENT), _BATCH]
            ),
            "toSender": {
                "action": "send",
                "channel": {"$ref": "#/channels/receipts"},
                "messages": [{"$ref": "#/channels/receipts/messages/ServiceReceipts"}],
                "bindings": {"http": {"method": "POST"}},
            },
        },
        "components": {"messages": {**envelopes, "ServiceReceipts": receipts}, "schemas": shapes},
    }


def _name(who: str, msg_type: MsgType) -> str:
    return f"{who}{msg_type.name.title().replace('_', '')}"


def _message(msg_type: MsgType, summary: str, shape: str) -> dict[str, Any]:
    return {
        "name": msg_type.name,
        "summary": summary,
        "payload": {
            "allOf": [
                {"$ref": f"#/components/schemas/{shape}"},
                {"properties": {"msgType": {"const": int(msg_type)}}},
            ]
        },
    }


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/connection"},
        "messages": [{"$ref": f"#/channels/connection/messages/{name}"} for name in names],
    }


def _query() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["channelId"],
        "properties": {
            "channelId": {
                "type": "string",
                "pattern": CLIENT_ID_PATTERN,
                "description": "The client id.",
            },
            "epoch": {"type": "string", "description": "Which log the client knows."},
            "seq": {"type": "string", "description": "The last message that it processed."},
            "batch": {"const": "1", "description": "Several messages may share a text."},
            "token": {"type": "string", "description": "A JWT, where the deployment asks for one."},
            "ticket": {"type": "string", "description": "Of POST /v1/tickets; instead of a token."},
        },
    }


def _headers() -> dict[str, Any]:
    text = f"`{SUBPROTOCOL}, TOKEN`: another place for the token; the answer is `{SUBPROTOCOL}`."
    return {
        "type": "object",
        "properties": {"Sec-WebSocket-Protocol": {"type": "string", "description": text}},
    }

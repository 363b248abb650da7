"""What OpenAPI says of the routes: generated from the shapes that read and write the bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi

from cloudpush.notifying import ReceiptsTold
from push_routes import bodies
from push_routes.answers import MAX_PAGE, PAGE

if TYPE_CHECKING:
    from fastapi import FastAPI

_REFERENCE: Final = "#/components/schemas/{name}"
_SHAPES: list[type[msgspec.Struct]] = [
    bodies.MessageRequest,
    bodies.StateRequest,
    bodies.DisconnectRequest,
    bodies.PresenceRequest,
    bodies.MessageAccepted,
    bodies.ErrorReply,
    bodies.BatchReply,
    bodies.MessageReply,
    bodies.ReceiptsReply,
    bodies.ClientReply,
    bodies.DisconnectReply,
    bodies.EntriesReply,
    bodies.PresenceReply,
    bodies.StatisticsReply,
    ReceiptsTold,
]
_ERRORS: Final = {
    400: "the request is wrong",
    401: "there is no token that we trust",
    403: "the token does not allow it",
    404: "there is no such thing",
    409: "it does not go with how far the thing is, or with the idempotency key",
    413: "the body is too large, or the envelope would be",
    429: "more pushes than the deployment allows; Retry-After says when to try again",
    500: "a fault of the deployment or ours",
    503: "a service behind does not answer; worth trying again",
}
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {
        "WWW-Authenticate": {
            "description": "Bearer.",
            "required": True,
            "schema": {"type": "string", "const": "Bearer"},
        }
    },
    429: {
        "Retry-After": {
            "description": "In how many seconds to try again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}
"""What comes beside an answer, by status."""

_ALWAYS: Final = (400, 401, 403, 500, 503)
_OPEN: Final = {"/health"}
"""Described routes that nobody needs a token for."""

CLIENT_ID_PATTERN: Final = "^[A-Za-z0-9._:@-]{1,128}$"
MESSAGE_ID_PATTERN: Final = "^[0-9a-f]{32}$"


_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A JWT, or an API key, with the scope that the route needs.",
}


def add_shape(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Make a shape known to `describe`; return the reference to it."""
    if shape not in _SHAPES:
        _SHAPES.append(shape)
    return reference(shape)


def reference(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the reference to a shape."""
    return {"$ref": _REFERENCE.format(name=shape.__name__)}


def answers(
    success: dict[int, type[msgspec.Struct]],
    *errors: int,
    error: type[msgspec.Struct] = bodies.ErrorReply,
) -> dict[int | str, dict[str, Any]]:
    """Describe a guarded route's answers, by status; those of `_ALWAYS` may always be."""
    shapes = {**success, **dict.fromkeys(sorted({*_ALWAYS, *errors}), error)}
    return {
        status: {
            "description": _ERRORS.get(status, "success"),
            "content": {"application/json": {"schema": add_shape(shape)}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, shape in shapes.items()
    }


def takes(
    *parameters: dict[str, Any],
    body: dict[str, Any] | None = None,
    is_body_required: bool = True,
) -> dict[str, Any]:
    """Describe what a route takes."""
    described: dict[str, Any] = {"parameters": list(parameters)} if parameters else {}
    if body is not None:
        described["requestBody"] = {
            "required": is_body_required,
            "content": {"application/json": {"schema": body}},
        }
    return described


def parameter(
    name: str, place: str, schema: dict[str, Any], description: str, *, is_required: bool = False
) -> dict[str, Any]:
    """Describe a parameter in the path, the query or a header."""
    return {
        "name": name,
        "in": place,
        "required": is_required,
        "description": description,
        "schema": schema,
    }


MESSAGE_ID: Final = parameter(
    "messageId",
    "path",
    {"type": "string", "pattern": MESSAGE_ID_PATTERN},
    "As the answer to its sender named it.",
    is_required=True,
)
CLIENT_ID: Final = parameter(
    "clientId",
    "path",
    {"type": "string", "pattern": CLIENT_ID_PATTERN},
    "The client.",
    is_required=True,
)
IDEMPOTENCY_KEY: Final = parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "Under one key a request is performed once in 24 hours; a repeat gets the first answer, "
    "with the header Idempotent-Replayed.",
)


def limit(default: int, most: int) -> dict[str, Any]:
    """Describe the parameter `limit` of a list."""
    return parameter(
        "limit",
        "query",
        {"type": "integer", "minimum": 1, "maximum": most, "default": default},
        "Items in one answer.",
    )


LIMIT: Final = limit(PAGE, MAX_PAGE)
CURSOR: Final = parameter(
    "cursor", "query", {"type": "string"}, "Where to go on: `cursor` of the answer before."
)


def _receipts() -> dict[str, Any]:
    """Describe what is posted to the URL of the deployment's receiver."""
    text = {"type": "string"}
    return {
        "post": {
            "summary": "How deliveries ended, at least once each; drop what has a known `id`.",
            "parameters": [
                parameter(name, "header", schema, description, is_required=True)
                for name, schema, description in (
                    ("webhook-id", text, "The same for the same body."),
                    ("webhook-timestamp", text, "Seconds since the epoch: refuse what is old."),
                    (
                        "webhook-signature",
                        text,
                        "`v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`.",
                    ),
                    ("webhook-key-id", text, "Which version of the secret signed it."),
                )
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": reference(ReceiptsTold)}},
            },
            "responses": {
                "2XX": {"description": "taken"},
                "default": {"description": "not taken; it is sent again, some five hours long"},
            },
        }
    }


def describe(app: FastAPI, *, is_closed: bool) -> dict[str, Any]:
    """Return the OpenAPI document of the application; `is_closed` if a token is asked for."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    document["webhooks"] = {"receipts": _receipts()}
    components = msgspec.json.schema_components(_SHAPES, ref_template=_REFERENCE)[1]
    document["components"] = {"schemas": components}
    if is_closed:
        document["components"]["securitySchemes"] = {"bearer": _BEARER}
        guarded = [each for path, each in document["paths"].items() if path not in _OPEN]
        for operations in guarded:
            for operation in operations.values():
                operation["security"] = [{"bearer": []}]
    return document

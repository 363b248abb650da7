"""`CorsConfiguration` of an HTTP API, and `x-amazon-apigateway-cors` of its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.api import Cors

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.properties import Properties

_DAY_SECONDS: Final = 86_400


def read(properties: Properties | None) -> Cors | None:
    """Return what the resource says."""
    return None if properties is None else _read(properties, lambda name: name)


def read_openapi(body: Properties) -> Cors | None:
    """Return what the document says, in names that start with a small letter."""
    properties = body.mapping("x-amazon-apigateway-cors")
    return (
        None if properties is None else _read(properties, lambda name: name[0].lower() + name[1:])
    )


def _read(properties: Properties, spell: Callable[[str], str]) -> Cors:
    cors = Cors(
        allow_origins=properties.texts(spell("AllowOrigins")),
        allow_methods=properties.texts(spell("AllowMethods")),
        allow_headers=properties.texts(spell("AllowHeaders")),
        expose_headers=properties.texts(spell("ExposeHeaders")),
        max_age_seconds=properties.optional_integer(spell("MaxAge"), least=-1, most=_DAY_SECONDS),
        allow_credentials=properties.boolean(spell("AllowCredentials")),
    )
    if cors.allow_credentials and "*" in cors.allow_origins:
        # "Configure CORS for HTTP APIs": a wildcard origin and credentials exclude each other.
        raise properties.error(spell("AllowCredentials"), "is true while every origin is allowed")
    return cors

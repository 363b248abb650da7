"""Handlers that do nothing themselves."""

from __future__ import annotations

from typing import Any


def admit(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`$connect`, and `$disconnect`: fine."""
    del event, context
    return {"statusCode": 200}


def echo(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`$default`: the route response is the message itself."""
    del context
    return {"statusCode": 200, "body": event["body"]}

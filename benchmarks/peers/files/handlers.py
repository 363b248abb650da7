"""The same three handlers on every host that runs Python."""

from __future__ import annotations

import http.client
import os
from typing import Any
from urllib.parse import quote

_where = os.environ.get("POSTS_TO", "127.0.0.1:1/")  # noqa: TID251 — a function's own setting
_host, _, _path = _where.partition("/")
_line = http.client.HTTPConnection(_host)


def admit(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`$connect` and `$disconnect`: fine."""
    del event, context
    return {"statusCode": 200}


def echo(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`$default`: the route response is the message itself."""
    del context
    return {"statusCode": 200, "body": event["body"]}


def back(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`back`: post the message to its sender, on a connection that is kept."""
    del context
    path = f"/{_path}{quote(event['requestContext']['connectionId'], safe='')}"
    try:
        _post(path, event["body"])
    except ConnectionError:  # the server has closed the line, which was idle for long
        _line.close()
        _post(path, event["body"])
    return {"statusCode": 200}


def _post(path: str, body: str) -> None:
    _line.request("POST", path, body)
    _line.getresponse().read()

"""Requests to SQS and DynamoDB as the actions and resources that IAM is asked for.

Service authorization reference, "Actions, resources, and condition keys for Amazon SQS" and "… for
Amazon DynamoDB"; DynamoDB developer guide, "Using IAM with DynamoDB transactions" and "… PartiQL".
A batch of SQS is allowed as its single action, a transaction of DynamoDB by its parts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from local_gateway.api import Identity

    Arguments: TypeAlias = Mapping[str, Any]

_PARTS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_PARTIQL: Final = re.compile(
    r"\s*(?P<verb>SELECT|INSERT|UPDATE|DELETE)\b.*?\b(?<=FROM|INTO|DATE)\s+\"?(?P<table>[\w.-]+)",
    re.IGNORECASE | re.DOTALL,
)


def in_request(
    service: str, target: str, body: bytes, identity: Identity
) -> Iterator[tuple[str, str]]:
    """Yield action and resource of what a request asks for; nothing if it can't be read.

    Args:
        service: `sqs` or `dynamodb`.
        target: What stands behind the dot in `X-Amz-Target`; empty in SQS's query protocol.
        body: JSON, or in the query protocol a form.
        identity: Whose queues and tables they are.
    """
    try:
        asked: object = orjson.loads(body) if target else dict(parse_qsl(body.decode()))
    except ValueError:
        return
    arguments = _mapping(asked)
    if service == "sqs":
        yield _of_sqs(target or str(arguments.get("Action", "")), arguments, identity)
    else:
        yield from _of_dynamodb(target, arguments, identity)


def _of_sqs(action: str, arguments: Arguments, identity: Identity) -> tuple[str, str]:
    url = str(arguments.get("QueueUrl", arguments.get("QueueName", "")))
    name = url.rstrip("/").rpartition("/")[2]
    return f"sqs:{action.removesuffix('Batch')}", _arn("sqs", name, identity) if name else "*"


def _of_dynamodb(
    target: str, arguments: Arguments, identity: Identity
) -> Iterator[tuple[str, str]]:
    if target in {"TransactWriteItems", "TransactGetItems"}:
        for item in _mappings(arguments.get("TransactItems")):
            for part, content in item.items():
                yield f"dynamodb:{_PARTS.get(part, part)}", _table(content, identity)
    elif target in {"BatchGetItem", "BatchWriteItem"}:
        for name in arguments.get("RequestItems") or ():
            yield f"dynamodb:{target}", _table({"TableName": name}, identity)
    elif target in {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"}:
        several = arguments.get("Statements", arguments.get("TransactStatements"))
        for each in [arguments] if several is None else _mappings(several):
            statement = _PARTIQL.match(str(each.get("Statement", "")))
            if statement is not None:
                verb, table = statement["verb"].capitalize(), {"TableName": statement["table"]}
                yield f"dynamodb:PartiQL{verb}", _table(table, identity)
    else:
        yield f"dynamodb:{target}", _table(arguments, identity)


def _mapping(value: object) -> Arguments:
    return cast("Arguments", value) if isinstance(value, dict) else {}


def _mappings(value: object) -> Iterable[Arguments]:
    return map(_mapping, cast("list[object]", value)) if isinstance(value, list) else ()


def _table(arguments: object, identity: Identity) -> str:
    """Return the ARN of the table, or of its index, that arguments name; `*` for none."""
    named = _mapping(arguments)
    name, index = str(named.get("TableName", "")), named.get("IndexName")
    if not name:
        return "*"
    arn = name if name.startswith("arn:") else _arn("dynamodb", f"table/{name}", identity)
    return f"{arn}/index/{index}" if index else arn


def _arn(service: str, resource: str, identity: Identity) -> str:
    return f"arn:{identity.partition}:{service}:{identity.region}:{identity.account_id}:{resource}"

from __future__ import annotations

import json
from typing import Any

import pytest

from local_gateway.api import Identity
from local_gateway.privileges import actions

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/T"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:Jobs"
URL = "http://127.0.0.1:9/123456789012/Jobs"


def asked(service: str, target: str, body: Any) -> list[tuple[str, str]]:  # noqa: ANN401 — any JSON
    raw = json.dumps(body).encode()
    return list(actions.in_request(service, target, raw, Identity()))


@pytest.mark.parametrize("action", ["SendMessage", "SendMessageBatch"])
def test_a_batch_is_allowed_as_its_single_action(action: str) -> None:
    assert asked("sqs", action, {"QueueUrl": URL}) == [("sqs:SendMessage", QUEUE)]


def test_a_queue_is_known_by_its_name_and_none_is_every_queue() -> None:
    assert asked("sqs", "GetQueueUrl", {"QueueName": "Jobs"}) == [("sqs:GetQueueUrl", QUEUE)]
    assert asked("sqs", "ListQueues", {}) == [("sqs:ListQueues", "*")]


def test_the_query_protocol_is_read_as_well() -> None:
    body = b"Action=SendMessage&QueueUrl=http%3A%2F%2F127.0.0.1%3A9%2F123456789012%2FJobs"

    assert list(actions.in_request("sqs", "", body, Identity())) == [("sqs:SendMessage", QUEUE)]


@pytest.mark.parametrize("name", ["T", TABLE])
def test_a_table_is_known_by_name_and_by_arn(name: str) -> None:
    assert asked("dynamodb", "GetItem", {"TableName": name}) == [("dynamodb:GetItem", TABLE)]


def test_a_query_of_an_index_is_for_the_index() -> None:
    assert asked("dynamodb", "Query", {"TableName": "T", "IndexName": "ByName"}) == [
        ("dynamodb:Query", f"{TABLE}/index/ByName")
    ]


def test_a_batch_is_for_each_of_its_tables() -> None:
    assert asked("dynamodb", "BatchGetItem", {"RequestItems": {"T": {}, "U": {}}}) == [
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:BatchGetItem", TABLE.replace("/T", "/U")),
    ]


def test_a_transaction_is_allowed_by_its_parts() -> None:
    parts = ("ConditionCheck", "Delete", "Put", "Update")
    items = [{part: {"TableName": "T"}} for part in parts]

    assert asked("dynamodb", "TransactWriteItems", {"TransactItems": items}) == [
        ("dynamodb:ConditionCheckItem", TABLE),
        ("dynamodb:DeleteItem", TABLE),
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
    ]


@pytest.mark.parametrize(
    ("statement", "action"),
    [
        ('SELECT * FROM "T" WHERE a = 1', "PartiQLSelect"),
        ("insert into T value {}", "PartiQLInsert"),
        ('UPDATE "T" SET a = 1', "PartiQLUpdate"),
        ("DELETE FROM T WHERE a = 1", "PartiQLDelete"),
    ],
)
def test_partiql_is_allowed_by_its_verb(statement: str, action: str) -> None:
    single = asked("dynamodb", "ExecuteStatement", {"Statement": statement})
    several = asked(
        "dynamodb", "ExecuteTransaction", {"TransactStatements": [{"Statement": statement}]}
    )

    assert single == several == [(f"dynamodb:{action}", TABLE)]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_what_cannot_be_read_names_no_resource(body: bytes) -> None:
    found = [
        resource
        for target in ("GetItem", "TransactWriteItems", "BatchGetItem", "ExecuteStatement")
        for _, resource in actions.in_request("dynamodb", target, body, Identity())
    ]

    assert set(found) <= {"*"}

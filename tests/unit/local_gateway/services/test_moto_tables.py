from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from local_gateway.api import Table
from local_gateway.services import Services
from tests.unit.local_gateway.services.test_services import IDENTITY, application, make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

NAME = "pairs"
pytestmark = pytest.mark.asyncio(loop_scope="module")


def key(partition: str, place: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": place}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dynamodb() -> AsyncIterator[DynamoDBClient]:
    table = Table(
        logical_id="Pairs",
        name=NAME,
        arn=f"arn:aws:dynamodb:eu-west-1:111122223333:table/{NAME}",
        create={
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
        ttl_attribute=None,
    )
    services = Services(IDENTITY)
    await services.start(application(tables=(table,)))
    client = make_client("dynamodb", services.environment["AWS_ENDPOINT_URL_DYNAMODB"])
    yield client
    client.close()
    await services.stop()


async def test_a_query_finds_its_partition_in_order_and_page_by_page(
    dynamodb: DynamoDBClient,
) -> None:
    for place in ("c", "a", "d", "b"):
        for partition in ("asked", "other"):
            dynamodb.put_item(TableName=NAME, Item=key(partition, place))

    def ask(**more: Any) -> Any:  # noqa: ANN401 — an answer of botocore's
        return dynamodb.query(
            TableName=NAME,
            KeyConditionExpression="pk = :asked AND sk > :first",
            ExpressionAttributeValues={":asked": {"S": "asked"}, ":first": {"S": "a"}},
            **more,
        )

    page = await asyncio.to_thread(ask, Limit=2)
    rest = await asyncio.to_thread(ask, ExclusiveStartKey=page["LastEvaluatedKey"])
    backwards = await asyncio.to_thread(ask, ScanIndexForward=False)
    both = dynamodb.scan(
        TableName=NAME,
        FilterExpression="pk IN (:asked, :other)",
        ExpressionAttributeValues={":asked": {"S": "asked"}, ":other": {"S": "other"}},
    )

    assert page["Items"] == [key("asked", "b"), key("asked", "c")]
    assert rest["Items"] == [key("asked", "d")]
    assert backwards["Items"] == [key("asked", each) for each in "dcb"]
    assert both["Items"] == [key(each, place) for each in ("asked", "other") for place in "abcd"]


async def test_a_transaction_that_fails_leaves_everything_as_it_was(
    dynamodb: DynamoDBClient,
) -> None:
    for place in ("put", "updated", "deleted"):
        dynamodb.put_item(TableName=NAME, Item={**key("kept", place), "n": {"N": "1"}})

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        await asyncio.to_thread(
            dynamodb.transact_write_items,
            TransactItems=[
                {"Put": {"TableName": NAME, "Item": {**key("kept", "put"), "n": {"N": "2"}}}},
                {"Put": {"TableName": NAME, "Item": key("kept", "new")}},
                {"Put": {"TableName": NAME, "Item": key("new", "new")}},
                {"Delete": {"TableName": NAME, "Key": key("kept", "deleted")}},
                {
                    "Update": {
                        "TableName": NAME,
                        "Key": key("kept", "updated"),
                        "UpdateExpression": "SET n = :two",
                        "ExpressionAttributeValues": {":two": {"N": "2"}},
                    }
                },
                {
                    "ConditionCheck": {
                        "TableName": NAME,
                        "Key": key("kept", "missing"),
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ],
        )

    found = dynamodb.scan(
        TableName=NAME,
        FilterExpression="pk IN (:kept, :new)",
        ExpressionAttributeValues={":kept": {"S": "kept"}, ":new": {"S": "new"}},
    )
    assert found["Items"] == [
        {**key("kept", each), "n": {"N": "1"}} for each in ("deleted", "put", "updated")
    ]


async def test_a_transaction_that_succeeds_is_kept(dynamodb: DynamoDBClient) -> None:
    await asyncio.to_thread(
        dynamodb.transact_write_items,
        TransactItems=[{"Put": {"TableName": NAME, "Item": key("written", "at once")}}],
    )

    found = dynamodb.get_item(TableName=NAME, Key=key("written", "at once"))

    assert found.get("Item") == key("written", "at once")


async def test_an_item_comes_back_as_it_was_put_whatever_types_it_has(
    dynamodb: DynamoDBClient,
) -> None:
    flat: dict[str, Any] = {
        "a string": {"S": "s"},
        "a number": {"N": "-1.5"},
        "bytes": {"B": b"\x00\xff"},
        "a flag": {"BOOL": False},
        "nothing": {"NULL": True},
        "strings": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "many bytes": {"BS": [b"\x00", b"\xff"]},
        "an empty map": {"M": {}},
    }
    item = {
        **key("types", "all"),
        **flat,
        "a map": {"M": {**flat, "S": {"S": "a name like a type"}}},
        "a list": {"L": [*flat.values(), {"L": [{"M": flat}]}]},
    }
    dynamodb.put_item(TableName=NAME, Item=item)

    read = dynamodb.get_item(TableName=NAME, Key=key("types", "all"))
    found = dynamodb.query(
        TableName=NAME,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "types"}},
    )["Items"]
    before = dynamodb.delete_item(TableName=NAME, Key=key("types", "all"), ReturnValues="ALL_OLD")[
        "Attributes"
    ]

    assert read.get("Item") == item
    assert found == [item]
    assert before == item

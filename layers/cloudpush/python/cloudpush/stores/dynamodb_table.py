"""The calls of DynamoDB that the store uses; what each raises is in `dynamodb_errors`."""

from __future__ import annotations

import re
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from cloudpush.errors import StoreUnavailable
from cloudpush.stores.dynamodb_errors import ConditionFailed, Conflict, translated_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

    from cloudpush.stores.dynamodb_items import Item

_Answer = TypeVar("_Answer")
_Question = TypeVar("_Question")

KEYS_PER_BATCH: Final = 100
"""The limit of BatchGetItem."""

ATTEMPTS: Final = 8
"""How often a batch with unprocessed keys, or a lost race, is tried before the store counts as
unavailable: with the pauses between them about 1.3 s."""

FIRST_PAUSE_SECONDS: Final = 0.01

SIDE_BY_SIDE: Final = 8
"""So many requests of one call are under way at once: fewer than botocore keeps connections."""

_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


def pauses(spread_by: int) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: doubling, 10 ms to 0.64 s.

    Two that collide don't wait alike: each is stretched by a factor from 0.5 to 1.5, chosen by
    `spread_by`, which is theirs alone.
    """
    factor = 0.5 + spread_by % 256 / 256
    for attempt in range(ATTEMPTS - 1):
        yield factor * FIRST_PAUSE_SECONDS * 2**attempt


class Table:
    """One table. `sleep` is `time.sleep`, save where a test counts the pauses."""

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._name = name
        self.sleep = sleep
        self._threads: ThreadPoolExecutor | None = None

    def side_by_side(
        self, ask: Callable[[_Question], _Answer], questions: Sequence[_Question]
    ) -> list[_Answer]:
        """Ask `SIDE_BY_SIDE` questions at a time, in threads; return the answers in their order.

        The first error is raised, and what was not asked yet is not asked.
        """
        if len(questions) == 1:
            return [ask(questions[0])]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="dynamodb")
        return list(self._threads.map(ask, questions))

    def get(self, key: Item) -> Item | None:
        """Return one item, or None."""
        with translated_errors():
            answer = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def get_many(self, keys: Sequence[Item]) -> list[Item]:
        """Return those of these items that exist, in any order; the keys must differ."""
        found: list[Item] = []
        for start in range(0, len(keys), KEYS_PER_BATCH):
            found += self._get_batch(keys[start : start + KEYS_PER_BATCH])
        return found

    def _get_batch(self, keys: Sequence[Item]) -> list[Item]:
        found: list[Item] = []
        for pause in [*pauses(len(keys)), None]:
            with translated_errors():
                answer = self._client.batch_get_item(
                    RequestItems={self._name: {"Keys": keys, "ConsistentRead": True}}
                )
            found += answer["Responses"].get(self._name, [])
            keys = cast(
                "Sequence[Item]",
                answer.get("UnprocessedKeys", {}).get(self._name, {"Keys": []})["Keys"],
            )
            if not keys:
                return found
            if pause is not None:
                self.sleep(pause)
        raise StoreUnavailable(f"DynamoDB: {len(keys)} keys remain unprocessed")

    def put(self, item: Item, *, condition: str, values: Item | None = None) -> None:
        """Write one item if the condition holds for the one that is there."""
        more: dict[str, Any] = {}
        if values:  # an empty map is refused
            more["ExpressionAttributeValues"] = values
        with translated_errors():
            self._client.put_item(
                TableName=self._name,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames=names_in(condition),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **more,
            )

    def update(self, key: Item, *, update: str, condition: str | None = None, values: Item) -> None:
        """Change one item, or make it; with a condition, only if that holds for it."""
        more: dict[str, Any] = {}
        if condition is not None:
            more["ConditionExpression"] = condition
            more["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        with translated_errors():
            self._client.update_item(
                TableName=self._name,
                Key=key,
                UpdateExpression=update,
                ExpressionAttributeNames=names_in(update, condition or ""),
                ExpressionAttributeValues=values,
                **more,
            )

    def take(self, key: Item, *, condition: str) -> Item:
        """Remove one item if the condition holds for it, and return it as it was."""
        with translated_errors():
            answer = self._client.delete_item(
                TableName=self._name,
                Key=key,
                ConditionExpression=condition,
                ExpressionAttributeNames=names_in(condition),
                ReturnValues="ALL_OLD",
            )
        return answer.get("Attributes", {})

    def query(
        self,
        partition: str,
        *,
        after: str | None,
        limit: int,
        condition: str,
        values: Item,
        is_consistent: bool,
    ) -> tuple[list[Item], str | None]:
        """Read at most `limit` items of a partition in order, and return those that fit.

        The second value is the sort key to go on after, or None at the end.
        """
        more: dict[str, Any] = {}
        if after is not None:
            more["ExclusiveStartKey"] = {"pk": {"S": partition}, "sk": {"S": after}}
        with translated_errors():
            answer = self._client.query(
                TableName=self._name,
                KeyConditionExpression="#pk = :partition",
                FilterExpression=condition,
                ExpressionAttributeNames=names_in("#pk", condition),
                ExpressionAttributeValues={":partition": {"S": partition}, **values},
                Limit=limit,
                ConsistentRead=is_consistent,
                **more,
            )
        last = answer.get("LastEvaluatedKey")
        return answer["Items"], cast("str", last["sk"].get("S")) if last else None

    def count(self, partition: str, *, condition: str, values: Item) -> int:
        """Return how many items of a partition fit; reads all of it, and need not be consistent."""
        total = 0
        more: dict[str, Any] = {}
        while True:
            with translated_errors():
                answer = self._client.query(
                    TableName=self._name,
                    Select="COUNT",
                    KeyConditionExpression="#pk = :partition",
                    FilterExpression=condition,
                    ExpressionAttributeNames=names_in("#pk", condition),
                    ExpressionAttributeValues={":partition": {"S": partition}, **values},
                    **more,
                )
            total += answer["Count"]
            if "LastEvaluatedKey" not in answer:
                return total
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def read_range(
        self,
        partition: str,
        *,
        first: str,
        last: str,
        limit: int,
        attributes: Sequence[str] = (),
        is_descending: bool = False,
    ) -> tuple[list[Item], str | None]:
        """Read at most `limit` items of a partition in order, from one sort key to another.

        Both ends are in the range; with `is_descending` it is read from its end. With `attributes`
        only those are returned. The second value is the last sort key that was read, or None if the
        range is read to its end.
        """
        more: dict[str, Any] = {}
        if attributes:
            more["ProjectionExpression"] = ", ".join(f"#{each}" for each in attributes)
        with translated_errors():
            answer = self._client.query(
                TableName=self._name,
                KeyConditionExpression="#pk = :partition AND #sk BETWEEN :first AND :last",
                ExpressionAttributeNames=names_in(
                    "#pk #sk", *(f"#{attribute}" for attribute in attributes)
                ),
                ExpressionAttributeValues={
                    ":partition": {"S": partition},
                    ":first": {"S": first},
                    ":last": {"S": last},
                },
                Limit=limit,
                ConsistentRead=True,
                ScanIndexForward=not is_descending,
                **more,
            )
        at = answer.get("LastEvaluatedKey")
        return answer["Items"], cast("str", at["sk"].get("S")) if at else None

    def write_together(self, writes: Sequence[TransactWriteItemTypeDef]) -> None:
        """Make all of these writes or none; see `put_part` and `update_part`."""
        with translated_errors():
            self._client.transact_write_items(TransactItems=writes)

    def put_part(
        self, item: Item, *, condition: str | None = None, values: Item | None = None
    ) -> TransactWriteItemTypeDef:
        """Return a write of one item, as part of a transaction."""
        put: PutTypeDef = {"TableName": self._name, "Item": item}
        if condition is not None:
            put["ConditionExpression"] = condition
            put["ExpressionAttributeNames"] = names_in(condition)
        if values is not None:  # an empty map is refused
            put["ExpressionAttributeValues"] = values
        return {"Put": put}

    def update_part(
        self,
        key: Item,
        *,
        update: str,
        condition: str | None = None,
        values: Item,
        names: Mapping[str, str] = _NO_NAMES,
    ) -> TransactWriteItemTypeDef:
        """Return a change of one item, as part of a transaction.

        `names` says what a placeholder stands for, where that is not its own word.
        """
        change: UpdateTypeDef = {
            "TableName": self._name,
            "Key": key,
            "UpdateExpression": update,
            "ExpressionAttributeNames": {**names_in(update, condition or ""), **names},
            "ExpressionAttributeValues": values,
        }
        if condition is not None:
            change["ConditionExpression"] = condition
        return {"Update": change}

    def delete_part(self, key: Item) -> TransactWriteItemTypeDef:
        """Return a removal of one item, as part of a transaction."""
        return {"Delete": {"TableName": self._name, "Key": key}}

    def until_won(self, name: str, attempt: Callable[[], _Answer]) -> _Answer:
        """Play an attempt again, from its first read, as long as another writer is faster.

        Raises:
            StoreUnavailable: it lost every time.
        """
        for pause in pauses(zlib.crc32(name.encode())):
            try:
                return attempt()
            except (Conflict, ConditionFailed):
                self.sleep(pause)
        return attempt()


def names_in(*expressions: str) -> dict[str, str]:
    """Return the placeholders of expressions: `#word` stands for the attribute `word`.

    All names go through placeholders, because `ttl` and others are reserved words.
    """
    words: list[str] = re.findall(r"#(\w+)", " ".join(expressions))
    return {f"#{word}": word for word in words}

"""Idempotency keys on the DynamoDB table.

    pk           sk       what
    repeat#KEY   repeat   which request, its message's id, when, and its answer

`begin` is one PutItem where the key is new, and says by the item that is there else; taking over
from a caller that died, `complete` and `abandon` are one UpdateItem.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from cloudpush.ports import Repeat
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_errors import ConditionFailed
from cloudpush.stores.dynamodb_table import Table
from cloudpush.stores.repeat_rules import DEAD_AFTER_MS, REPEAT_LIFETIME_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.stores.dynamodb_items import Item

IS_NEW: Final = "attribute_not_exists(#pk)"
IS_OVER: Final = "#reserved_at_ms <= :lapsed"
IS_SAME: Final = "#fingerprint = :fingerprint"
IS_UNANSWERED: Final = "attribute_not_exists(#answer)"
IS_DEAD: Final = "#attempted_at_ms <= :dead"
IS_MINE: Final = "#attempted_at_ms = :begun_at"
IS_THERE: Final = "attribute_exists(#pk)"


class DynamoDbIdempotencyStore:
    """`ports.IdempotencyStore` on one table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def begin(self, key: str, *, fingerprint: str, message_id: str, now_ms: int) -> Repeat:
        """See `ports.IdempotencyStore.begin`."""
        item: Item = {
            **_key(key),
            "fingerprint": {"S": fingerprint},
            "message_id": {"S": message_id},
            "reserved_at_ms": items.number(now_ms),
            "attempted_at_ms": items.number(now_ms),
            "ttl": items.ttl(now_ms + REPEAT_LIFETIME_MS),
        }
        try:
            self._table.put(
                item,
                condition=f"{IS_NEW} OR {IS_OVER}",
                values={":lapsed": items.number(now_ms - REPEAT_LIFETIME_MS)},
            )
        except ConditionFailed as error:
            return self._repeat(key, error.item or {}, fingerprint, now_ms)
        return Repeat(message_id=message_id, is_mine=True)

    def _repeat(self, key: str, known: dict[str, Any], fingerprint: str, now_ms: int) -> Repeat:
        message_id = known["message_id"]["S"]
        if known["fingerprint"]["S"] != fingerprint:
            return Repeat(message_id=message_id, is_mine=False, is_same=False)
        if "answer" in known:
            return Repeat(message_id=message_id, is_mine=False, answer=known["answer"]["S"])
        try:
            self._table.update(
                _key(key),
                update="SET #attempted_at_ms = :now",
                condition=f"{IS_SAME} AND {IS_UNANSWERED} AND {IS_DEAD}",
                values={
                    ":fingerprint": {"S": fingerprint},
                    ":now": items.number(now_ms),
                    ":dead": items.number(now_ms - DEAD_AFTER_MS),
                },
            )
        except ConditionFailed:
            return Repeat(message_id=message_id, is_mine=False)
        return Repeat(message_id=message_id, is_mine=True)

    def complete(self, key: str, *, answer: str, now_ms: int) -> None:
        """See `ports.IdempotencyStore.complete`."""
        del now_ms  # the item says when it is over
        try:
            self._table.update(
                _key(key),
                update="SET #answer = :answer",
                condition=IS_THERE,
                values={":answer": {"S": answer}},
            )
        except ConditionFailed:
            return  # its day is over, and DynamoDB has dropped it

    def abandon(self, key: str, *, begun_at_ms: int) -> None:
        """See `ports.IdempotencyStore.abandon`."""
        try:
            self._table.update(
                _key(key),
                update="SET #attempted_at_ms = :never",
                condition=f"{IS_MINE} AND {IS_UNANSWERED}",
                values={":begun_at": items.number(begun_at_ms), ":never": items.number(0)},
            )
        except ConditionFailed:
            return  # another one is at it, or it has its answer


def _key(key: str) -> Item:
    return {"pk": {"S": f"repeat#{key}"}, "sk": {"S": "repeat"}}

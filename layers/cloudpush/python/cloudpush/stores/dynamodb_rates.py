"""Rates on the DynamoDB table.

    pk          sk     what
    rate#NAME   rate   until when the rate is used up

A lease is one UpdateItem while the rate is in use, two where it was whole, and writes nothing
where it is refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_errors import ConditionFailed
from cloudpush.stores.dynamodb_table import Table
from cloudpush.stores.rate_rules import BURST_MS, cost_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.stores.dynamodb_items import Item

IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_WHOLE: Final = "#used_until_ms < :now"
HAS_ROOM: Final = "#used_until_ms BETWEEN :now AND :most"


class DynamoDbRateStore:
    """`limiting.RateStore` on one table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        """See `limiting.RateStore.lease`."""
        cost = cost_ms(tokens, per_second)
        return self._table.until_won(name, lambda: self._lease(name, cost, now_ms))

    def _lease(self, name: str, cost: int, now_ms: int) -> int:
        key: Item = {"pk": {"S": f"rate#{name}"}, "sk": {"S": "rate"}}
        common = {":now": items.number(now_ms), ":ttl": items.ttl(now_ms + BURST_MS)}
        try:
            self._table.update(
                key,
                update="SET #used_until_ms = #used_until_ms + :cost, #ttl = :ttl",
                condition=HAS_ROOM,
                values={
                    **common,
                    ":cost": items.number(cost),
                    ":most": items.number(now_ms + BURST_MS - cost),
                },
            )
        except ConditionFailed as error:
            used_ms = 0 if error.item is None else int(error.item["used_until_ms"]["N"])
        else:
            return 0
        if used_ms >= now_ms:
            return used_ms + cost - now_ms - BURST_MS
        self._table.update(  # where another was faster, it is played again
            key,
            update="SET #used_until_ms = :used, #ttl = :ttl",
            condition=f"{IS_ABSENT} OR {IS_WHOLE}",
            values={**common, ":used": items.number(now_ms + cost)},
        )
        return 0

"""The ledger of posts on the DynamoDB table: one item, changed by GetItem and PutItem.

    pk       sk       what
    budget   budget   the ledger, and a version

Workers write it once a page, some twenty times a second at the default rate, so few lose a race.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.budget_rules import Ledger
from cloudpush.stores.dynamodb_table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.stores.dynamodb_items import Item

IS_AS_READ: Final = "attribute_not_exists(#pk) OR #version = :version_read"
_KEY: Final[Item] = {"pk": {"S": "budget"}, "sk": {"S": "budget"}}


class DynamoDbBudgetStore:
    """`ports.BudgetStore` on one table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> int:
        """See `ports.BudgetStore.take`."""
        before = self._change(
            lambda ledger: ledger.take(
                posts, rate=rate, now_ms=now_ms, longest_wait_ms=longest_wait_ms
            )
        )
        return before.wait_ms(now_ms)

    def slow_down(self, *, now_ms: int) -> None:
        """See `ports.BudgetStore.slow_down`."""
        self._change(lambda ledger: ledger.slow_down(now_ms))

    def _change(self, change: Callable[[Ledger], Ledger]) -> Ledger:
        """Change the ledger, and return it as it was before."""

        def attempt() -> Ledger:
            item = self._table.get(_KEY)
            version = 0 if item is None else int(item["version"]["N"])
            before = (
                Ledger() if item is None else msgspec.json.decode(item["ledger"]["S"], type=Ledger)
            )
            after = change(before)
            if after != before:
                self._table.put(
                    {
                        **_KEY,
                        "ledger": {"S": msgspec.json.encode(after).decode()},
                        "version": items.number(version + 1),
                    },
                    condition=IS_AS_READ,
                    values={":version_read": items.number(version)},
                )
            return before

        return self._table.until_won("budget", attempt)

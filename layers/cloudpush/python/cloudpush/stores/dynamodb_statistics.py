"""Counters by the minute on the DynamoDB table.

    pk              sk   what
    minutes#HOUR    MM#NN   what was counted in minute MM, a sixteenth of it

HOUR is when it began, in ms. The environments of the functions are divided over sixteen items of
each minute, lest they write to one. `add` is one UpdateItem; `read` one Query for each hour.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from cloudpush.ports import Minute
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_table import Table
from cloudpush.stores.minutes import HOUR_MS, KEPT_MS, MINUTE_MS, hours_in, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.stores.dynamodb_items import Item

ITEMS_PER_MINUTE: Final = 16

_PAGE: Final = 1000
_PREFIX: Final = "n_"
"""Of the attributes that are counters."""


class DynamoDbStatisticsStore:
    """`ports.StatisticsStore` on one table; `spread` chooses one of the items of a minute."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        spread: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)
        self._item = spread % ITEMS_PER_MINUTE

    def add(self, counts: Mapping[str, int], *, now_ms: int) -> None:
        """See `ports.StatisticsStore.add`."""
        if not counts:
            return
        at_ms = minute_of(now_ms)
        names = list(counts)
        self._table.update(
            _key(at_ms, self._item),
            update="SET #ttl = :ttl ADD "
            + ", ".join(f"#{_PREFIX}{name} :v{index}" for index, name in enumerate(names)),
            values={
                ":ttl": items.ttl(at_ms + KEPT_MS),
                **{f":v{index}": items.number(counts[name]) for index, name in enumerate(names)},
            },
        )

    def read(self, *, from_ms: int, to_ms: int) -> Sequence[Minute]:
        """See `ports.StatisticsStore.read`."""
        found: dict[int, Counter[str]] = {}
        for hour_ms in hours_in(from_ms, to_ms):
            first, last = max(from_ms, hour_ms), min(to_ms, hour_ms + HOUR_MS) - 1
            for item in self._read_hour(
                hour_ms,
                first=f"{-(-(first - hour_ms) // MINUTE_MS):02}",
                last=f"{(last - hour_ms) // MINUTE_MS:02}~",
            ):
                minute = int(item["sk"]["S"].partition("#")[0])
                found.setdefault(hour_ms + minute * MINUTE_MS, Counter()).update(_counts_in(item))
        return [Minute(at_ms=at_ms, counts=dict(found[at_ms])) for at_ms in sorted(found)]

    def _read_hour(self, hour_ms: int, *, first: str, last: str) -> list[Item]:
        found: list[Item] = []
        after: str | None = first
        while after is not None:
            page, after = self._table.read_range(
                _partition(hour_ms), first=after, last=last, limit=_PAGE
            )
            # A page begins with the key that the one before ended with.
            found += [each for each in page if not found or each["sk"] != found[-1]["sk"]]
        return found


def _counts_in(item: Item) -> dict[str, int]:
    return {
        name.removeprefix(_PREFIX): int(value["N"])
        for name, value in item.items()
        if name.startswith(_PREFIX)
    }


def _partition(hour_ms: int) -> str:
    return f"minutes#{hour_ms}"


def _key(at_ms: int, number: int) -> Item:
    hour_ms = at_ms // HOUR_MS * HOUR_MS
    minute = (at_ms - hour_ms) // MINUTE_MS
    return {"pk": {"S": _partition(hour_ms)}, "sk": {"S": f"{minute:02}#{number:02}"}}

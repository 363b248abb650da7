"""What moto's tables lack to hold more than a test's few items: costs that don't grow with them.

Runs in the child process, and in tests that have moto in theirs. A query of moto's sorts the whole
table to find one partition, and a transaction copies the whole table to be able to take itself
back. The changes here are to moto's own classes, in a process that runs nothing else: a query looks
at its own partition, and a transaction keeps the items that it names. Results stay moto's.
"""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any, cast

from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_MISSING = object()


class LocalTable(Table):
    """moto's table, which can be asked for one partition, and be left out of a copy."""

    is_in_transaction = False
    _partition: DynamoType | None = None

    def query(self, hash_key: DynamoType | None, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 — moto's
        """Find what a query asks for, as moto does, in the partition that it names."""
        if options.get("index_name") is None:
            self._partition = hash_key
        try:
            return super().query(hash_key, *rest, **options)
        finally:
            self._partition = None

    def all_items(self) -> list[Item]:
        """Return the items in moto's order: of the partition that a query looks at, or of all."""
        if self._partition is None:
            return super().all_items()
        found: Any = cast("Any", self).items.get(self._partition, {})
        if self.range_key_attr is None:
            return [found] if found else []
        return sorted(found.values(), key=lambda item: item.range_key)

    def __deepcopy__(self, memo: dict[int, Any]) -> LocalTable:
        """Return a copy, but within a transaction the table itself."""
        if self.is_in_transaction:
            return self
        made = object.__new__(type(self))
        memo[id(self)] = made
        for name, value in vars(self).items():
            setattr(made, name, copy.deepcopy(value, memo))
        return made


@functools.cache
def install() -> None:
    """Change moto's classes in this process, once."""
    backend: Any = models.DynamoDBBackend
    transact_write_items = backend.transact_write_items

    def transact_and_restore(
        self: models.DynamoDBBackend, transact_items: Sequence[dict[str, Any]]
    ) -> None:
        named = [each for item in transact_items for each in item.values()]
        tables = {each.get("TableName"): self.tables.get(each.get("TableName")) for each in named}
        known = [each for each in tables.values() if isinstance(each, LocalTable)]
        if len(known) != len(tables) or any(each.stream_shard is not None for each in known):
            transact_write_items(self, transact_items)  # a stream must forget what was taken back
            return
        kept = [_keep(cast("LocalTable", tables[each["TableName"]]), each) for each in named]
        for table in known:
            table.is_in_transaction = True
        try:
            transact_write_items(self, transact_items)
        except BaseException:
            for table, keys, item in kept:
                _restore(table, keys, item)
            raise
        finally:
            for table in known:
                table.is_in_transaction = False

    backend.transact_write_items = transact_and_restore
    cast("Any", models).Table = LocalTable


def _keep(table: LocalTable, operation: dict[str, Any]) -> tuple[LocalTable, list[DynamoType], Any]:
    """Return where the item of an operation is, and a copy of it."""
    attributes: dict[str, Any] = operation.get("Key") or operation.get("Item") or {}
    names = [table.hash_key_attr, table.range_key_attr]
    keys = [DynamoType(attributes[name]) for name in names if name in attributes]
    place: Any = cast("Any", table).items
    for key in keys:
        if key not in place:
            return table, keys, _MISSING
        place = place[key]
    return table, keys, copy.deepcopy(place)


def _restore(table: LocalTable, keys: Sequence[DynamoType], item: Any) -> None:  # noqa: ANN401 — an item, or none
    *path, last = keys
    place: Any = cast("Any", table).items
    for key in path:
        place = place[key]
    if item is _MISSING:
        place.pop(last, None)
    else:
        place[last] = item

"""Receipts, and what they come to, on the DynamoDB table.

    pk           sk               what
    message#ID   receipt#CLIENT   one receipt
    message#ID   counts#NN        what the receipts of a sixteenth of its recipients come to

A receipt changes together with its counts, under the condition that it is as it was read. The
first and last times of a state are read and written, not compared in the write: of two receipts
in the same moment one may set a time that is a moment off. The counts are exact.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloudpush.model import Receipt, ReceiptState
from cloudpush.ports import ReceiptPage, Recorded
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores import receipt_rules as rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from cloudpush.stores.dynamodb_items import Item
    from cloudpush.stores.dynamodb_table import Table

IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_STATE_AS_READ: Final = "#state = :state_read"

COUNT_ITEMS: Final = 16
RECEIPTS_PER_STEP: Final = 25
"""With as many counts, half of what a transaction may write; and few that conflict at a time."""


@dataclass
class Counted:
    """A counts item, several as one, or what is added to one."""

    added: Counter[str] = field(default_factory=Counter[str])
    first_at_ms: dict[str, int] = field(default_factory=dict[str, int])
    last_at_ms: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, known: Receipt | None, receipt: Receipt, stored: Counted) -> None:
        """Add what a receipt comes to, beside what is stored."""
        if known is None:
            self.added["seen"] += 1
        for name in rules.passed(known.state if known else None, receipt.state):
            self.added[name] += 1
            at_ms = receipt.at_ms
            earlier = self.first_at_ms.get(name, stored.first_at_ms.get(name, at_ms))
            later = self.last_at_ms.get(name, stored.last_at_ms.get(name, at_ms))
            self.first_at_ms[name] = min(earlier, at_ms)
            self.last_at_ms[name] = max(later, at_ms)


def counted_in(found: Iterable[Item]) -> Counted:
    """Return what the counts among a message's items come to together."""
    counted = Counted()
    for item in found:
        if not item["sk"]["S"].startswith("counts#"):
            continue
        for name, value in item.items():
            kind, _, rest = name.partition("_")
            if kind == "added":
                counted.added[rest] += int(value["N"])
            elif kind == "first":
                at_ms = int(value["N"])
                counted.first_at_ms[rest] = min(at_ms, counted.first_at_ms.get(rest, at_ms))
            elif kind == "last":
                at_ms = int(value["N"])
                counted.last_at_ms[rest] = max(at_ms, counted.last_at_ms.get(rest, at_ms))
    return counted


def record(table: Table, receipts: Sequence[Receipt], *, now_ms: int) -> list[Recorded | None]:
    """See `ports.MessageStore.record`."""
    recorded: list[Recorded | None] = []
    for group in _in_groups(receipts):
        recorded += table.until_won(
            group[0].client_id, lambda group=group: _record(table, group, now_ms)
        )
    return recorded


def read_page(
    table: Table, message_id: str, *, state: ReceiptState | None, cursor: str | None, limit: int
) -> ReceiptPage:
    """Return a message's receipts, as `ports.MessageStore.read_receipts` does."""
    found, last = table.read_range(
        items.message_partition(message_id),
        first=_receipt_name("" if cursor is None else f"{cursor}\0"),
        last="receipt$",  # the character after "#": behind every name, of whatever characters
        limit=limit,
    )
    receipts = map(_receipt_in, found)
    return ReceiptPage(
        receipts=tuple(each for each in receipts if state in {None, each.state}),
        cursor=None if last is None else last.removeprefix(_receipt_name("")),
    )


def _record(table: Table, receipts: Sequence[Receipt], now_ms: int) -> list[Recorded | None]:
    """Record receipts, no two of them of one delivery, in one transaction."""
    keys = {
        (key["pk"]["S"], key["sk"]["S"]): key
        for receipt in receipts
        for key in (
            items.message_key(receipt.message_id, "head"),
            items.message_key(receipt.message_id, _receipt_name(receipt.client_id)),
            items.message_key(receipt.message_id, _counts_name(receipt.client_id)),
        )
    }
    found = {
        (item["pk"]["S"], item["sk"]["S"]): item for item in table.get_many(list(keys.values()))
    }
    recorded: list[Recorded | None] = []
    writes: list[TransactWriteItemTypeDef] = []
    changes: dict[tuple[str, str], Counted] = {}
    ttls: dict[tuple[str, str], Item] = {}
    for receipt in receipts:
        pk = items.message_partition(receipt.message_id)
        head = found.get((pk, "head"))
        item = found.get((pk, _receipt_name(receipt.client_id)))
        known = None if item is None else _receipt_in(item)
        if head is None or int(head["ends_at_ms"]["N"]) <= now_ms:
            recorded.append(None)
            continue
        if known is not None and not receipt.state.may_follow(known.state):
            recorded.append(Recorded(receipt=known, is_news=False))
            continue
        recorded.append(Recorded(receipt=rules.merged(known, receipt), is_news=True))
        writes.append(_receipt_part(table, known, receipt, head["ttl"]))
        counts_at = (pk, _counts_name(receipt.client_id))
        stored = counted_in([found[counts_at]] if counts_at in found else [])
        changes.setdefault(counts_at, Counted()).add(known, receipt, stored)
        ttls[counts_at] = head["ttl"]
    writes += [
        _counts_part(table, keys[counts_at], change, ttls[counts_at])
        for counts_at, change in changes.items()
    ]
    if writes:
        table.write_together(writes)
    return recorded


def _receipt_part(
    table: Table, known: Receipt | None, receipt: Receipt, ttl: Item
) -> TransactWriteItemTypeDef:
    merged = rules.merged(known, receipt)
    item: Item = {
        **items.message_key(merged.message_id, _receipt_name(merged.client_id)),
        "state": items.number(int(merged.state)),
        "at_ms": items.number(merged.at_ms),
        "ttl": ttl,
    }
    if merged.sent_at_ms is not None:
        item["sent_at_ms"] = items.number(merged.sent_at_ms)
    if known is None:
        return table.put_part(item, condition=IS_ABSENT)
    return table.put_part(
        item,
        condition=IS_STATE_AS_READ,
        values={":state_read": items.number(int(known.state))},
    )


def _counts_part(table: Table, key: Item, change: Counted, ttl: Item) -> TransactWriteItemTypeDef:
    sets = {"ttl": ttl}
    sets |= {f"first_{name}": items.number(at) for name, at in change.first_at_ms.items()}
    sets |= {f"last_{name}": items.number(at) for name, at in change.last_at_ms.items()}
    adds = {f"added_{name}": items.number(count) for name, count in change.added.items()}
    return table.update_part(
        key,
        update=f"SET {', '.join(f'#{name} = :{name}' for name in sets)}"
        f" ADD {', '.join(f'#{name} :{name}' for name in adds)}",
        values={f":{name}": value for name, value in {**sets, **adds}.items()},
    )


def _in_groups(receipts: Sequence[Receipt]) -> list[list[Receipt]]:
    """Divide receipts, in their order, into what one transaction records."""
    groups: list[list[Receipt]] = []
    held: set[tuple[str, str]] = set()
    for receipt in receipts:
        delivery = (receipt.message_id, receipt.client_id)
        if not groups or delivery in held or len(groups[-1]) == RECEIPTS_PER_STEP:
            groups.append([])
            held.clear()
        groups[-1].append(receipt)
        held.add(delivery)
    return groups


def _receipt_name(client_id: str) -> str:
    return f"receipt#{client_id}"


def _counts_name(client_id: str) -> str:
    return f"counts#{zlib.crc32(client_id.encode()) % COUNT_ITEMS:02}"


def _receipt_in(item: Item) -> Receipt:
    sent_at_ms = item.get("sent_at_ms")
    return Receipt(
        message_id=item["pk"]["S"].removeprefix(items.message_partition("")),
        client_id=item["sk"]["S"].removeprefix(_receipt_name("")),
        state=ReceiptState(int(item["state"]["N"])),
        at_ms=int(item["at_ms"]["N"]),
        sent_at_ms=None if sent_at_ms is None else int(sent_at_ms["N"]),
    )

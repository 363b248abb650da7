"""The entries of an inbox on the DynamoDB table, and what an inbox has had.

    pk         sk             what
    inbox#ID   EPOCH#000…SEQ  one entry
    inbox#ID   seen#MESSAGE   a message that the inbox has had: its seq, until it expires

Both are written and removed in the transaction that changes the inbox's row (`dynamodb_inbox`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.model import Copy, Entry, Publication
from cloudpush.stores import dynamodb_items as items

if TYPE_CHECKING:
    from cloudpush.model import Inbox
    from cloudpush.stores.dynamodb_items import Item
    from cloudpush.stores.dynamodb_table import Table

PAGE: Final = 500

_publication_decoder = msgspec.json.Decoder(Publication)


def key_of(row: Inbox, seq: int) -> Item:
    """Return the key of an entry."""
    return {"pk": {"S": _partition(row.client_id)}, "sk": {"S": _seq_name(row, seq)}}


def seen_key(client_id: str, message_id: str) -> Item:
    """Return the key of what says that an inbox has had a message."""
    return {"pk": {"S": _partition(client_id)}, "sk": {"S": f"seen#{message_id}"}}


def new_entry(
    row: Inbox, message_id: str, text: bytes, *, expires_at_ms: int, is_tracked: bool
) -> Item:
    """Return the item of a row's last entry; `text` is its publication as JSON."""
    return {
        **key_of(row, row.last_seq),
        "publication": {"S": text.decode()},
        "message_id": {"S": message_id},
        "expires_at_ms": items.number(expires_at_ms),
        "is_tracked": {"BOOL": is_tracked},
        "size": items.number(len(text)),
        # Not the message's own: an entry outlives its expiry until somebody recorded it.
        "ttl": items.ttl(row.kept_until_ms),
    }


def new_seen(row: Inbox, message_id: str, *, expires_at_ms: int) -> Item:
    """Return the item which says that an inbox has had the message of its last entry."""
    return {
        **seen_key(row.client_id, message_id),
        "epoch": {"S": row.epoch},
        "seq": items.number(row.last_seq),
        "until_ms": items.number(expires_at_ms),
        "ttl": items.ttl(expires_at_ms),
    }


def is_in_force(seen: Item | None, epoch: str, now_ms: int) -> bool:
    """Tell whether an inbox remembers a message."""
    return seen is not None and seen["epoch"]["S"] == epoch and int(seen["until_ms"]["N"]) > now_ms


def read(table: Table, row: Inbox, after_seq: int, limit: int) -> list[Entry]:
    """Return entries with their publications, in order."""
    if after_seq >= row.last_seq:
        return []
    found, _ = table.read_range(
        _partition(row.client_id),
        first=_seq_name(row, after_seq + 1),
        last=_seq_name(row, row.last_seq),
        limit=limit,
    )
    return [_entry_in(item) for item in found]


def read_copies(table: Table, row: Inbox, *, through_seq: int, limit: int) -> list[Copy]:
    """Return what receipts need of the entries that are retained up to a seq, in order."""
    found, _ = table.read_range(
        _partition(row.client_id),
        first=_seq_name(row, row.settled_seq + 1),
        last=_seq_name(row, through_seq),
        limit=limit,
        attributes=("sk", "message_id", "is_tracked"),
    )
    return [copy_in(item) for item in found]


def read_heads(table: Table, row: Inbox, *, enough_after: int | None = None) -> list[Item]:
    """Return what is retained, in order, without the publications.

    With `enough_after` it stops at the first one after that.
    """
    found: list[Item] = []
    is_empty = row.settled_seq >= row.last_seq
    first = None if is_empty else _seq_name(row, row.settled_seq + 1)
    while first is not None:
        span = PAGE
        if enough_after is not None:
            span = enough_after - row.settled_seq + 1 - len(found)
        part, last = table.read_range(
            _partition(row.client_id),
            first=first,
            last=_seq_name(row, row.last_seq),
            limit=max(1, min(PAGE, span)),
            attributes=("sk", "message_id", "is_tracked", "size", "expires_at_ms"),
        )
        found += part
        if enough_after is not None and found and seq_in(found[-1]) > enough_after:
            break
        first = None if last is None else f"{last}."
    return found


def seq_in(item: Item) -> int:
    """Return the seq of an entry's item."""
    return int(item["sk"]["S"].rpartition("#")[2])


def copy_in(item: Item) -> Copy:
    """Return what a receipt needs of an entry's item."""
    return Copy(
        seq=seq_in(item),
        message_id=item["message_id"]["S"],
        is_tracked=item["is_tracked"]["BOOL"],
    )


def _entry_in(item: Item) -> Entry:
    return Entry(
        seq=seq_in(item),
        publication=_publication_decoder.decode(item["publication"]["S"]),
        expires_at_ms=int(item["expires_at_ms"]["N"]),
        is_tracked=item["is_tracked"]["BOOL"],
        size=int(item["size"]["N"]),
    )


def _partition(client_id: str) -> str:
    return f"inbox#{client_id}"


def _seq_name(row: Inbox, seq: int) -> str:
    # With the epoch in it, what an inbox left behind that expired is not this one's.
    return f"{row.epoch}#{seq:015}"

"""The lists of messages on the DynamoDB table.

    pk                    sk               what
    messages#LISTING#NN   TIME MESSAGE     a message in a list, under when it was accepted

An item is written and removed in the transaction that changes the message's head. A list is
divided into sixteen partitions: each takes 1,000 writes a second, and one in a transaction counts
twice. Requests of a page: a Query for each partition, eight at a time; of all three lists 48.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from cloudpush.model import Listing, shard_of
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores import listing_rules as rules

if TYPE_CHECKING:
    from cloudpush.ports import MessagePage
    from cloudpush.stores.dynamodb_items import Item
    from cloudpush.stores.dynamodb_table import Table

PARTITIONS: Final = 16


def key_of(listing: Listing, *, accepted_at_ms: int, message_id: str) -> Item:
    """Return the key of a message's item in a list."""
    return {
        "pk": {"S": _partition(listing, shard_of(message_id) % PARTITIONS)},
        "sk": {"S": rules.name_of(accepted_at_ms, message_id)},
    }


def item_of(listing: Listing, *, accepted_at_ms: int, message_id: str, ends_at_ms: int) -> Item:
    """Return a message's item in a list."""
    key = key_of(listing, accepted_at_ms=accepted_at_ms, message_id=message_id)
    return {**key, "ttl": items.ttl(ends_at_ms)}


def read_newest(
    table: Table, listing: Listing | None, *, cursor: str | None, limit: int
) -> MessagePage:
    """See `ports.MessageStore.read_newest`."""

    def read(part: tuple[Listing, int]) -> list[str]:
        found, _ = table.read_range(
            _partition(*part),
            first="0",
            last=cursor or "~",
            limit=limit + 2,  # one that tells whether there are more, and the cursor's own
            is_descending=True,
        )
        names = [item["sk"]["S"] for item in found]
        return [name for name in names if name != cursor][: limit + 1]

    listings = Listing if listing is None else [listing]
    parts = table.side_by_side(read, list(itertools.product(listings, range(PARTITIONS))))
    return rules.page_of(parts, limit=limit)


def _partition(listing: Listing, number: int) -> str:
    return f"messages#{listing.value}#{number:02}"

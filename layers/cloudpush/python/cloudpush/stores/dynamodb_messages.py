"""Messages and their receipts on the DynamoDB table.

    pk           sk               what
    message#ID   message          the message, as it was handed in; never changed
    message#ID   head             stage, open parts, when to look at it, and a version
    message#ID   fan-out          how far its fan-out is (`dynamodb_fan_outs`)
    message#ID   …                its receipts and their counts (`dynamodb_receipts`)
    due#017      TIME MESSAGE     a message that is due, under when to look; the shard is its id's

A change of the head has the condition that nobody changed it since it was read. Requests in the
common case:

    create         a transaction of 4
    get            Query of the message and up to 16 counts
    read_stage     GetItem
    begin, cancel, set_paused, finish, postpone     GetItem, then a transaction of 1 to 5
    record         BatchGetItem, then a transaction, for each 25 receipts
    read_receipts  GetItem, Query
    read_due       Query
    read_newest    see `dynamodb_listings`
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.model import (
    Listing,
    Message,
    MessageState,
    shard_of,
)
from cloudpush.ports import DueMessage, DuePage, MessagePage, MessageRecord, ReceiptPage
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores import dynamodb_listings as listings
from cloudpush.stores import dynamodb_receipts
from cloudpush.stores import receipt_rules as rules
from cloudpush.stores.dynamodb_errors import Conflict
from cloudpush.stores.dynamodb_table import Table
from cloudpush.stores.listing_rules import listing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from cloudpush.model import Place, Receipt, ReceiptState
    from cloudpush.ports import Recorded
    from cloudpush.stores.dynamodb_items import Item

IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_OVER: Final = "#ends_at_ms <= :now"
IS_AS_READ: Final = "#version = :version_read"

_decoder = msgspec.json.Decoder(Message)


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    stage: MessageState
    is_open: bool = True
    look_at_ms: int | None
    due_at_ms: int
    ends_at_ms: int
    is_fanned_out: bool = False
    accepted_at_ms: int | None = None
    """None of a message that was stored before there were lists: it is in none."""

    @property
    def listing(self) -> Listing:
        return listing_of(self.stage, is_open=self.is_open, is_fanned_out=self.is_fanned_out)


class DynamoDbMessageStore:
    """`ports.MessageStore` on a client of botocore and the name of a table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def create(self, message: Message, *, look_at_ms: int, now_ms: int) -> bool:
        """See `ports.MessageStore.create`."""
        ends_at_ms = message.ends_at_ms
        head = _Head(
            stage=rules.first_stage(message, now_ms),
            look_at_ms=look_at_ms,
            due_at_ms=message.due_at_ms,
            ends_at_ms=ends_at_ms,
            is_fanned_out=message.is_fanned_out,
            accepted_at_ms=message.publication.accepted_at_ms,
        )
        body: Item = {
            **items.message_key(message.message_id, "message"),
            "message": {"S": msgspec.json.encode(message).decode()},
            "ttl": items.ttl(ends_at_ms),
        }
        try:
            self._table.write_together(
                [
                    self._table.put_part(
                        _head_item(message.message_id, head, version=1),
                        condition=f"{IS_ABSENT} OR {IS_OVER}",
                        values={":now": items.number(now_ms)},
                    ),
                    self._table.put_part(body),
                    self._table.put_part(_due_item(message.message_id, look_at_ms, ends_at_ms)),
                    self._table.put_part(
                        listings.item_of(
                            head.listing,
                            accepted_at_ms=message.publication.accepted_at_ms,
                            message_id=message.message_id,
                            ends_at_ms=ends_at_ms,
                        )
                    ),
                ]
            )
        except Conflict:
            head, _ = self._read_head(message.message_id, now_ms)
            if head is None:
                raise  # not there, so it was another's transaction: try again
            return False
        return True

    def get(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.get`."""
        found, _ = self._table.read_range(
            items.message_partition(message_id),
            first="counts#",
            last="message",
            limit=dynamodb_receipts.COUNT_ITEMS + 3,
        )
        by_sk = {item["sk"]["S"]: item for item in found}
        if "head" not in by_sk or "message" not in by_sk:
            return None
        head = _head_in(by_sk["head"])
        if head.ends_at_ms <= now_ms:
            return None
        counted = dynamodb_receipts.counted_in(found)
        message = _decoder.decode(by_sk["message"]["message"]["S"])
        return MessageRecord(
            message=message,
            stage=head.stage,
            is_open=head.is_open,
            counts=rules.counts_of(message, counted.added),
            first_at_ms=counted.first_at_ms,
            last_at_ms=counted.last_at_ms,
        )

    def begin(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.begin`."""

        def begin(head: _Head) -> _Head:
            if head.stage is not MessageState.SCHEDULED or now_ms < head.due_at_ms:
                return head
            return msgspec.structs.replace(head, stage=MessageState.SENDING)

        self._change(message_id, begin, now_ms)
        return self.get(message_id, now_ms=now_ms)

    def cancel(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.cancel`."""

        def cancel(head: _Head) -> _Head:
            is_running = head.is_fanned_out and head.is_open
            if head.stage is not MessageState.SCHEDULED and not is_running:
                return head
            return msgspec.structs.replace(head, stage=MessageState.CANCELLED, look_at_ms=None)

        self._change(message_id, cancel, now_ms)
        return self.get(message_id, now_ms=now_ms)

    def read_stage(self, message_id: str, *, now_ms: int) -> MessageState | None:
        """See `ports.MessageStore.read_stage`."""
        head, _ = self._read_head(message_id, now_ms)
        return None if head is None else head.stage

    def set_paused(self, message_id: str, *, is_paused: bool, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.set_paused`."""

        def set_paused(head: _Head) -> _Head:
            if is_paused and head.stage is MessageState.SENDING and head.is_open:
                return msgspec.structs.replace(head, stage=MessageState.PAUSED)
            if not is_paused and head.stage is MessageState.PAUSED:
                look_at_ms = now_ms if head.is_open else head.look_at_ms
                return msgspec.structs.replace(
                    head, stage=MessageState.SENDING, look_at_ms=look_at_ms
                )
            return head

        self._change(message_id, set_paused, now_ms)
        return self.get(message_id, now_ms=now_ms)

    def finish(self, message_id: str, *, now_ms: int) -> bool:
        """See `ports.MessageStore.finish`."""

        def finish(head: _Head) -> _Head:
            return msgspec.structs.replace(head, is_open=False, look_at_ms=None)

        return self._change(message_id, finish, now_ms)

    def record(self, receipts: Sequence[Receipt], *, now_ms: int) -> Sequence[Recorded | None]:
        """See `ports.MessageStore.record`."""
        return dynamodb_receipts.record(self._table, receipts, now_ms=now_ms)

    def read_receipts(
        self,
        message_id: str,
        *,
        state: ReceiptState | None = None,
        cursor: str | None = None,
        limit: int = 100,
        now_ms: int,
    ) -> ReceiptPage:
        """See `ports.MessageStore.read_receipts`."""
        if self.read_stage(message_id, now_ms=now_ms) is None:
            return ReceiptPage(receipts=(), cursor=None)
        return dynamodb_receipts.read_page(
            self._table, message_id, state=state, cursor=cursor, limit=limit
        )

    def read_newest(
        self, listing: Listing | None, *, cursor: str | None = None, limit: int = 100
    ) -> MessagePage:
        """See `ports.MessageStore.read_newest`."""
        return listings.read_newest(self._table, listing, cursor=cursor, limit=limit)

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 100
    ) -> Sequence[DuePage]:
        """See `ports.MessageStore.read_due`. It is a Query for each shard, some side by side."""

        def read(place: Place) -> DuePage:
            found, last = self._table.read_range(
                _due_partition(place.shard),
                first="0" if place.cursor is None else f"{place.cursor}\0",
                last=f"{due_before_ms:015}",  # a message's name is longer, so it comes after this
                limit=limit,
            )
            return DuePage(due=tuple(_due_in(item["sk"]["S"]) for item in found), cursor=last)

        return self._table.side_by_side(read, places)

    def postpone(self, due: DueMessage, *, look_at_ms: int) -> bool:
        """See `ports.MessageStore.postpone`."""

        def postpone(head: _Head) -> _Head:
            if head.look_at_ms != due.look_at_ms:
                return head
            return msgspec.structs.replace(head, look_at_ms=look_at_ms)

        return self._change(due.message_id, postpone, now_ms=0)

    def _read_head(self, message_id: str, now_ms: int) -> tuple[_Head | None, int]:
        item = self._table.get(items.message_key(message_id, "head"))
        if item is None or int(item["ends_at_ms"]["N"]) <= now_ms:
            return None, 0
        return _head_in(item), int(item["version"]["N"])

    def _change(self, message_id: str, change: Callable[[_Head], _Head], now_ms: int) -> bool:
        """Change a head, and where the message stands among those that are due."""

        def attempt() -> bool:
            head, version = self._read_head(message_id, now_ms)
            changed = head if head is None else change(head)
            if head is None or changed is None or changed == head:
                return False
            writes = [
                self._table.put_part(
                    _head_item(message_id, changed, version=version + 1),
                    condition=IS_AS_READ,
                    values={":version_read": items.number(version)},
                )
            ]
            if changed.look_at_ms != head.look_at_ms:
                if head.look_at_ms is not None:
                    writes.append(self._table.delete_part(_due_key(message_id, head.look_at_ms)))
                if changed.look_at_ms is not None:
                    writes.append(
                        self._table.put_part(
                            _due_item(message_id, changed.look_at_ms, changed.ends_at_ms)
                        )
                    )
            self._table.write_together(writes + self._list_parts(message_id, head, changed))
            return True

        return self._table.until_won(message_id, attempt)

    def _list_parts(
        self, message_id: str, before: _Head, after: _Head
    ) -> list[TransactWriteItemTypeDef]:
        """Return what moves a message from list to list."""
        at_ms = after.accepted_at_ms
        if at_ms is None or before.listing is after.listing:
            return []
        old = listings.key_of(before.listing, accepted_at_ms=at_ms, message_id=message_id)
        new = listings.item_of(
            after.listing,
            accepted_at_ms=at_ms,
            message_id=message_id,
            ends_at_ms=after.ends_at_ms,
        )
        return [self._table.delete_part(old), self._table.put_part(new)]


def _due_partition(shard: int) -> str:
    return f"due#{shard:03}"


def _due_key(message_id: str, look_at_ms: int) -> Item:
    return {
        "pk": {"S": _due_partition(shard_of(message_id))},
        "sk": {"S": f"{look_at_ms:015} {message_id}"},
    }


def _due_item(message_id: str, look_at_ms: int, ends_at_ms: int) -> Item:
    return {**_due_key(message_id, look_at_ms), "ttl": items.ttl(ends_at_ms)}


def _due_in(name: str) -> DueMessage:
    at_ms, _, message_id = name.partition(" ")
    return DueMessage(message_id=message_id, look_at_ms=int(at_ms))


def _head_item(message_id: str, head: _Head, *, version: int) -> Item:
    return {
        **items.message_key(message_id, "head"),
        "head": {"S": msgspec.json.encode(head).decode()},
        "version": items.number(version),
        "ends_at_ms": items.number(head.ends_at_ms),
        "ttl": items.ttl(head.ends_at_ms),
    }


def _head_in(item: Item) -> _Head:
    return msgspec.json.decode(item["head"]["S"], type=_Head)

"""The inboxes on the DynamoDB table.

    pk             sk             what
    inboxes#017    CLIENT_ID      one inbox's row, with its version; the shard is the client's
    inbox#ID       …              its entries, and what it has had (`dynamodb_entries`)

Every change of an inbox changes its row, under the condition that nobody changed it since it was
read; what else the change writes stands in the same transaction, and needs no condition of its
own. Requests in the common case:

    append        BatchGetItem of 2, then a transaction of 3, for each client
    open          GetItem, PutItem
    claim         BatchGetItem for all, then Query and PutItem for each
    park          GetItem, PutItem; release the same
    read_sent     GetItem, Query; by message id two BatchGetItem more
    settle        GetItem, Query, then a transaction of 1 and 1 for each message
    read_expired  GetItem, and a Query of the whole inbox
    read_due      Query of the shard's rows; read_shard the same
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.model import Copy, Entry, Inbox, Publication, shard_of
from cloudpush.ports import Append, Claim, Copies, Grant, InboxPage
from cloudpush.stores import dynamodb_entries as entries
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores import inbox_rules as rules
from cloudpush.stores.dynamodb_errors import ConditionFailed, Conflict
from cloudpush.stores.dynamodb_table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from cloudpush.model import Place
    from cloudpush.stores.dynamodb_items import Item

IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_AS_READ: Final = "#version = :version_read"
IS_KEPT: Final = "#kept_until_ms > :now"
IS_DUE: Final = "#due_ms < :due_before"

DELETIONS_PER_STEP: Final = 90
"""A transaction has at most 100 writes."""

_row_decoder = msgspec.json.Decoder(Inbox)


class DynamoDbInboxStore:
    """`ports.InboxStore` on a client of botocore and the name of a table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def get(self, client_id: str, *, now_ms: int) -> Inbox | None:
        """See `ports.InboxStore.get`."""
        return self._read(client_id, now_ms)[0]

    def append(
        self,
        client_ids: Sequence[str],
        publication: Publication,
        *,
        tracked: Sequence[bool],
        expires_at_ms: int,
        epoch: str,
        now_ms: int,
    ) -> Sequence[Append]:
        """See `ports.InboxStore.append`."""
        text = msgspec.json.encode(publication)

        def append(client_id: str, *, is_tracked: bool) -> Append:
            seen_key = entries.seen_key(client_id, publication.message_id)
            found = self._table.get_many([_row_key(client_id), seen_key])
            by_sk = {item["sk"]["S"]: item for item in found}
            item, seen = by_sk.get(client_id), by_sk.get(seen_key["sk"]["S"])
            row, version = _row_in(item, now_ms)
            if row is not None and entries.is_in_force(seen, row.epoch, now_ms):
                return Append.DUPLICATE
            answer, changed = rules.append(
                row or rules.new_inbox(client_id, epoch=epoch, now_ms=now_ms),
                size=len(text),
                expires_at_ms=expires_at_ms,
                now_ms=now_ms,
            )
            if answer is not Append.APPENDED:
                return answer
            entry = entries.new_entry(
                changed,
                publication.message_id,
                text,
                expires_at_ms=expires_at_ms,
                is_tracked=is_tracked,
            )
            marker = entries.new_seen(changed, publication.message_id, expires_at_ms=expires_at_ms)
            self._write(
                changed, version, [self._table.put_part(entry), self._table.put_part(marker)]
            )
            return Append.APPENDED

        return [
            self._table.until_won(
                client_id,
                lambda client_id=client_id, is_tracked=is_tracked: append(
                    client_id, is_tracked=is_tracked
                ),
            )
            for client_id, is_tracked in zip(client_ids, tracked, strict=True)
        ]

    def open(self, client_id: str, *, epoch: str, now_ms: int) -> Inbox:
        """See `ports.InboxStore.open`."""

        def open_again() -> Inbox:
            row, version = self._read(client_id, now_ms)
            row = row or rules.new_inbox(client_id, epoch=epoch, now_ms=now_ms)
            row = rules.open_again(row, now_ms=now_ms)
            self._write(row, version)
            return row

        return self._table.until_won(client_id, open_again)

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        """See `ports.InboxStore.claim`."""
        found = {
            item["sk"]["S"]: item
            for item in self._table.get_many([_row_key(each) for each in client_ids])
        }
        return [
            self._claim(each, found.get(each), owner=owner, lease_ms=lease_ms, now_ms=now_ms)
            for each in client_ids
        ]

    def _claim(
        self, client_id: str, item: Item | None, *, owner: str, lease_ms: int, now_ms: int
    ) -> Claim:
        """Claim by the row as it was just read; once somebody else was faster, read it again."""
        read = [_row_in(item, now_ms)]

        def claim() -> Claim:
            row, version = read.pop() if read else self._read(client_id, now_ms)
            if row is None:
                return Claim(grant=Grant.IDLE, inbox=None)
            claimed = rules.claim(
                row,
                lambda after_seq, limit: entries.read(self._table, row, after_seq, limit),
                owner=owner,
                lease_ms=lease_ms,
                now_ms=now_ms,
            )
            if claimed.inbox is not None and claimed.inbox != row:
                self._write(claimed.inbox, version)
            return claimed

        return self._table.until_won(client_id, claim)

    def release(self, client_id: str, *, owner: str, is_unsent: bool = False, now_ms: int) -> bool:
        """See `ports.InboxStore.release`."""
        return self._change(
            client_id, lambda row: rules.release(row, owner=owner, is_unsent=is_unsent), now_ms
        )

    def park(self, client_id: str, *, owner: str, fence: int, now_ms: int) -> bool:
        """See `ports.InboxStore.park`."""
        return self._change(
            client_id, lambda row: rules.park(row, owner=owner, fence=fence), now_ms
        )

    def read_sent(
        self,
        client_id: str,
        *,
        through_seq: int | None = None,
        message_ids: Sequence[str] = (),
        limit: int = 500,
        now_ms: int,
    ) -> Copies:
        """See `ports.InboxStore.read_sent`."""
        row, _ = self._read(client_id, now_ms)
        if row is None:
            return Copies(epoch="")
        found: dict[int, Copy] = {}
        last_seq = min(through_seq or 0, row.sent_seq)
        if last_seq > row.settled_seq:
            copies = entries.read_copies(self._table, row, through_seq=last_seq, limit=limit)
            found = {copy.seq: copy for copy in copies}
        if message_ids:
            keys = [entries.seen_key(client_id, each) for each in dict.fromkeys(message_ids)]
            seqs = {
                int(seen["seq"]["N"])
                for seen in self._table.get_many(keys)
                if entries.is_in_force(seen, row.epoch, now_ms)
            }
            acknowledged = self._table.get_many(
                [entries.key_of(row, seq) for seq in seqs if row.settled_seq < seq <= row.sent_seq]
            )
            found |= {copy.seq: copy for copy in map(entries.copy_in, acknowledged)}
        return Copies(epoch=row.epoch, copies=tuple(found[seq] for seq in sorted(found)))

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        """See `ports.InboxStore.read_expired`."""
        row, version = self._read(client_id, now_ms)
        if row is None:
            return Copies(epoch="")
        every = entries.read_heads(self._table, row)
        expired = [item for item in every if int(item["expires_at_ms"]["N"]) <= now_ms]
        if not expired:
            # The row may say too early a time: `settle` does not look for the next one.
            times = (int(item["expires_at_ms"]["N"]) for item in every)
            self._correct_expiry(row, version, min(times, default=0))
        return Copies(epoch=row.epoch, copies=tuple(map(entries.copy_in, expired[:limit])))

    def _correct_expiry(self, row: Inbox, version: int | None, next_expiry_ms: int) -> None:
        if row.next_expiry_ms == next_expiry_ms:
            return
        try:
            self._write(msgspec.structs.replace(row, next_expiry_ms=next_expiry_ms), version)
        except (Conflict, ConditionFailed):
            return  # somebody changed the inbox: the next look corrects it

    def settle(
        self, client_id: str, *, epoch: str, seqs: Sequence[int], is_progress: bool, now_ms: int
    ) -> Inbox | None:
        """See `ports.InboxStore.settle`. Of more than 90 messages it is several steps."""
        wanted = sorted(set(seqs))
        steps = [
            wanted[start : start + DELETIONS_PER_STEP]
            for start in range(0, len(wanted), DELETIONS_PER_STEP)
        ]
        row: Inbox | None = None
        for step in steps or [[]]:
            row = self._table.until_won(
                client_id,
                lambda step=step: self._settle(
                    client_id, epoch=epoch, seqs=step, is_progress=is_progress, now_ms=now_ms
                ),
            )
        return row

    def _settle(
        self, client_id: str, *, epoch: str, seqs: Sequence[int], is_progress: bool, now_ms: int
    ) -> Inbox | None:
        row, version = self._read(client_id, now_ms)
        if row is None or row.epoch != epoch:
            return None
        if not seqs or seqs[-1] <= row.settled_seq:
            return row
        # Up to the last of them, and one further: that is the first that is retained, if all
        # before it go.
        heads = entries.read_heads(self._table, row, enough_after=seqs[-1])
        sizes = {entries.seq_in(item): int(item["size"]["N"]) for item in heads}
        dropped = {seq: sizes[seq] for seq in seqs if seq in sizes}
        changed = rules.settle(
            row,
            dropped,
            first_retained=next((seq for seq in sizes if seq not in dropped), None),
            next_expiry_ms=None,
            is_progress=is_progress,
            now_ms=now_ms,
        )
        if dropped:
            self._write(
                changed,
                version,
                [self._table.delete_part(entries.key_of(row, seq)) for seq in dropped],
            )
        return changed

    def read_entries(
        self, client_id: str, *, after_seq: int = 0, limit: int = 100, now_ms: int
    ) -> Sequence[Entry]:
        """See `ports.InboxStore.read_entries`."""
        row, _ = self._read(client_id, now_ms)
        if row is None:
            return []
        return entries.read(self._table, row, max(after_seq, row.settled_seq), limit)

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 500
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_due`. It reads the whole shards to find them."""
        values = {":due_before": items.number(due_before_ms)}
        return self._table.side_by_side(
            lambda each: self._page(each.shard, IS_DUE, values, each.cursor, limit), places
        )

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> InboxPage:
        """See `ports.InboxStore.read_shard`."""
        return self._page(shard, IS_KEPT, {":now": items.number(now_ms)}, cursor, limit)

    def read_shards(
        self, places: Sequence[Place], *, limit: int, now_ms: int
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_shards`. It is a Query for each, some side by side."""
        return self._table.side_by_side(
            lambda each: self.read_shard(
                each.shard, cursor=each.cursor, limit=limit, now_ms=now_ms
            ),
            places,
        )

    def _page(
        self, shard: int, condition: str, values: Item, cursor: str | None, limit: int
    ) -> InboxPage:
        found, last = self._table.query(
            f"inboxes#{shard:03}",
            after=cursor,
            limit=limit,
            condition=condition,
            values=values,
            is_consistent=True,
        )
        return InboxPage(client_ids=tuple(item["sk"]["S"] for item in found), cursor=last)

    def _read(self, client_id: str, now_ms: int) -> tuple[Inbox | None, int | None]:
        """Return the row, and the version that a write of it has to find; None is no item."""
        return _row_in(self._table.get(_row_key(client_id)), now_ms)

    def _write(
        self, row: Inbox, version: int | None, others: Sequence[TransactWriteItemTypeDef] = ()
    ) -> None:
        due = [at_ms for at_ms in (row.resend_at_ms, row.next_expiry_ms) if at_ms]
        item: Item = {
            **_row_key(row.client_id),
            "row": {"S": msgspec.json.encode(row).decode()},
            "version": items.number((version or 0) + 1),
            "kept_until_ms": items.number(row.kept_until_ms),
            "ttl": items.ttl(row.kept_until_ms),
        }
        if due:
            item["due_ms"] = items.number(min(due))
        condition = IS_ABSENT if version is None else IS_AS_READ
        values: Item = {} if version is None else {":version_read": items.number(version)}
        if others:
            part = self._table.put_part(item, condition=condition, values=values or None)
            self._table.write_together([part, *others])
        else:
            self._table.put(item, condition=condition, values=values)

    def _change(self, client_id: str, change: Callable[[Inbox], Inbox | None], now_ms: int) -> bool:
        def attempt() -> bool:
            row, version = self._read(client_id, now_ms)
            changed = None if row is None else change(row)
            if changed is None:
                return False
            self._write(changed, version)
            return True

        return self._table.until_won(client_id, attempt)


def _row_key(client_id: str) -> Item:
    return {"pk": {"S": f"inboxes#{shard_of(client_id):03}"}, "sk": {"S": client_id}}


def _row_in(item: Item | None, now_ms: int) -> tuple[Inbox | None, int | None]:
    if item is None:
        return None, None
    version = int(item["version"]["N"])
    row = _row_decoder.decode(item["row"]["S"])
    return (row if row.kept_until_ms > now_ms else None), version

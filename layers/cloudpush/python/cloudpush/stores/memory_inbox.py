"""The inboxes as a model: a row and a dictionary of entries for each client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from cloudpush.model import Copy, Entry, Inbox, shard_of
from cloudpush.ports import Append, Claim, Copies, Grant, InboxPage
from cloudpush.stores import inbox_rules as rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.model import Place, Publication


class MemoryInboxStore:
    """`ports.InboxStore` in this process's memory.

    It forgets nothing, so it grows with the number of messages ever appended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Inbox] = {}
        self._entries: dict[str, dict[int, Entry]] = {}
        self._seen_until_ms: dict[tuple[str, str], int] = {}

    def get(self, client_id: str, *, now_ms: int) -> Inbox | None:
        """See `ports.InboxStore.get`."""
        with self._lock:
            return self._row(client_id, now_ms)

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
        size = len(msgspec.json.encode(publication))
        answers: list[Append] = []
        with self._lock:
            for client_id, is_tracked in zip(client_ids, tracked, strict=True):
                row = self._row(client_id, now_ms)
                seen = (client_id, publication.message_id)
                if row is not None and self._seen_until_ms.get(seen, 0) > now_ms:
                    answers.append(Append.DUPLICATE)
                    continue
                answer, changed = rules.append(
                    row or rules.new_inbox(client_id, epoch=epoch, now_ms=now_ms),
                    size=size,
                    expires_at_ms=expires_at_ms,
                    now_ms=now_ms,
                )
                answers.append(answer)
                if answer is Append.APPENDED:
                    if row is None:
                        self._entries[client_id] = {}
                    self._rows[client_id] = changed
                    self._seen_until_ms[seen] = expires_at_ms
                    self._entries[client_id][changed.last_seq] = Entry(
                        seq=changed.last_seq,
                        publication=publication,
                        expires_at_ms=expires_at_ms,
                        is_tracked=is_tracked,
                        size=size,
                    )
        return answers

    def open(self, client_id: str, *, epoch: str, now_ms: int) -> Inbox:
        """See `ports.InboxStore.open`."""
        with self._lock:
            row = self._row(client_id, now_ms)
            if row is None:
                row = rules.new_inbox(client_id, epoch=epoch, now_ms=now_ms)
                self._entries[client_id] = {}
            row = self._rows[client_id] = rules.open_again(row, now_ms=now_ms)
            return row

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        """See `ports.InboxStore.claim`."""
        with self._lock:
            return [self._claim(each, owner, lease_ms, now_ms) for each in client_ids]

    def _claim(self, client_id: str, owner: str, lease_ms: int, now_ms: int) -> Claim:
        row = self._row(client_id, now_ms)
        if row is None:
            return Claim(grant=Grant.IDLE, inbox=None)
        claim = rules.claim(
            row,
            lambda after_seq, limit: self._after(client_id, after_seq)[:limit],
            owner=owner,
            lease_ms=lease_ms,
            now_ms=now_ms,
        )
        if claim.inbox is not None:
            self._rows[client_id] = claim.inbox
        return claim

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
        with self._lock:
            row = self._row(client_id, now_ms)
            if row is None:
                return Copies(epoch="")
            sent = [each for each in self._after(client_id, 0) if each.seq <= row.sent_seq]
            through = [each for each in sent if each.seq <= (through_seq or 0)][:limit]
            single = [each for each in sent if each.publication.message_id in message_ids]
            found = {each.seq: _copy_of(each) for each in [*through, *single]}
            return Copies(epoch=row.epoch, copies=tuple(found[seq] for seq in sorted(found)))

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        """See `ports.InboxStore.read_expired`."""
        with self._lock:
            row = self._row(client_id, now_ms)
            if row is None:
                return Copies(epoch="")
            expired = [each for each in self._after(client_id, 0) if each.expires_at_ms <= now_ms][
                :limit
            ]
            return Copies(epoch=row.epoch, copies=tuple(map(_copy_of, expired)))

    def settle(
        self, client_id: str, *, epoch: str, seqs: Sequence[int], is_progress: bool, now_ms: int
    ) -> Inbox | None:
        """See `ports.InboxStore.settle`."""
        with self._lock:
            row = self._row(client_id, now_ms)
            if row is None or row.epoch != epoch:
                return None
            entries = self._entries[client_id]
            dropped = {seq: entries.pop(seq).size for seq in set(seqs) if seq in entries}
            row = self._rows[client_id] = rules.settle(
                row,
                dropped,
                first_retained=min(entries, default=None),
                next_expiry_ms=min((each.expires_at_ms for each in entries.values()), default=0),
                is_progress=is_progress,
                now_ms=now_ms,
            )
            return row

    def read_entries(
        self, client_id: str, *, after_seq: int = 0, limit: int = 100, now_ms: int
    ) -> Sequence[Entry]:
        """See `ports.InboxStore.read_entries`."""
        with self._lock:
            if self._row(client_id, now_ms) is None:
                return []
            return self._after(client_id, after_seq)[:limit]

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 500
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_due`."""
        with self._lock:
            return [
                self._page(
                    each.shard,
                    lambda row: rules.is_due(row, due_before_ms),
                    cursor=each.cursor,
                    limit=limit,
                )
                for each in places
            ]

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> InboxPage:
        """See `ports.InboxStore.read_shard`."""
        with self._lock:
            return self._page(
                shard, lambda row: row.kept_until_ms > now_ms, cursor=cursor, limit=limit
            )

    def read_shards(
        self, places: Sequence[Place], *, limit: int, now_ms: int
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_shards`."""
        return [
            self.read_shard(each.shard, cursor=each.cursor, limit=limit, now_ms=now_ms)
            for each in places
        ]

    def _page(
        self, shard: int, fits: Callable[[Inbox], bool], *, cursor: str | None, limit: int
    ) -> InboxPage:
        found = sorted(
            client_id
            for client_id, row in self._rows.items()
            if shard_of(client_id) == shard and fits(row) and client_id > (cursor or "")
        )
        page = found[:limit]
        return InboxPage(client_ids=tuple(page), cursor=page[-1] if len(found) > limit else None)

    def _change(self, client_id: str, change: Callable[[Inbox], Inbox | None], now_ms: int) -> bool:
        with self._lock:
            row = self._row(client_id, now_ms)
            changed = None if row is None else change(row)
            if changed is None:
                return False
            self._rows[client_id] = changed
            return True

    def _row(self, client_id: str, now_ms: int) -> Inbox | None:
        row = self._rows.get(client_id)
        return row if row is not None and row.kept_until_ms > now_ms else None

    def _after(self, client_id: str, after_seq: int) -> list[Entry]:
        entries = self._entries[client_id]
        return [entries[seq] for seq in sorted(entries) if seq > after_seq]


def _copy_of(entry: Entry) -> Copy:
    return Copy(seq=entry.seq, message_id=entry.publication.message_id, is_tracked=entry.is_tracked)

"""Messages, receipts, repeats and statistics as models: a few dictionaries each."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudpush.model import (
    Listing,
    Message,
    MessageState,
    Receipt,
    ReceiptState,
    shard_of,
)
from cloudpush.ports import (
    DueMessage,
    DuePage,
    MessagePage,
    MessageRecord,
    Minute,
    ReceiptPage,
    Recorded,
    Repeat,
)
from cloudpush.stores import listing_rules
from cloudpush.stores import receipt_rules as rules
from cloudpush.stores.minutes import minute_of
from cloudpush.stores.repeat_rules import DEAD_AFTER_MS, REPEAT_LIFETIME_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudpush.model import Place


@dataclass
class _Record:
    message: Message
    stage: MessageState
    is_open: bool = field(default=True, init=False)
    look_at_ms: int | None
    added: Counter[str] = field(default_factory=Counter[str])
    first_at_ms: dict[str, int] = field(default_factory=dict[str, int])
    last_at_ms: dict[str, int] = field(default_factory=dict[str, int])
    receipts: dict[str, Receipt] = field(default_factory=dict[str, Receipt])

    @property
    def listing(self) -> Listing:
        return listing_rules.listing_of(
            self.stage, is_open=self.is_open, is_fanned_out=self.message.is_fanned_out
        )


class MemoryMessageStore:
    """`ports.MessageStore` in this process's memory. It forgets nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def create(self, message: Message, *, look_at_ms: int, now_ms: int) -> bool:
        """See `ports.MessageStore.create`."""
        with self._lock:
            if self._find(message.message_id, now_ms) is not None:
                return False
            self._records[message.message_id] = _Record(
                message,
                rules.first_stage(message, now_ms),
                look_at_ms,
            )
            return True

    def get(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.get`."""
        with self._lock:
            return self._read(message_id, now_ms)

    def begin(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.begin`."""
        with self._lock:
            record = self._find(message_id, now_ms)
            if (
                record is not None
                and record.stage is MessageState.SCHEDULED
                and record.message.due_at_ms <= now_ms
            ):
                record.stage = MessageState.SENDING
            return self._read(message_id, now_ms)

    def cancel(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.cancel`."""
        with self._lock:
            record = self._find(message_id, now_ms)
            if record is not None and (
                record.stage is MessageState.SCHEDULED
                or (record.message.is_fanned_out and record.is_open)
            ):
                record.stage = MessageState.CANCELLED
                record.look_at_ms = None
            return self._read(message_id, now_ms)

    def read_stage(self, message_id: str, *, now_ms: int) -> MessageState | None:
        """See `ports.MessageStore.read_stage`."""
        with self._lock:
            record = self._find(message_id, now_ms)
            return None if record is None else record.stage

    def set_paused(self, message_id: str, *, is_paused: bool, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.set_paused`."""
        old, new = MessageState.PAUSED, MessageState.SENDING
        if is_paused:
            old, new = new, old
        with self._lock:
            record = self._find(message_id, now_ms)
            if record is not None and record.stage is old and (record.is_open or not is_paused):
                record.stage = new
                if not is_paused and record.is_open:
                    record.look_at_ms = now_ms
            return self._read(message_id, now_ms)

    def record(self, receipts: Sequence[Receipt], *, now_ms: int) -> Sequence[Recorded | None]:
        """See `ports.MessageStore.record`."""
        with self._lock:
            return [self._record(receipt, now_ms) for receipt in receipts]

    def _record(self, receipt: Receipt, now_ms: int) -> Recorded | None:
        record = self._find(receipt.message_id, now_ms)
        if record is None:
            return None
        known = record.receipts.get(receipt.client_id)
        if known is not None and not receipt.state.may_follow(known.state):
            return Recorded(receipt=known, is_news=False)
        merged = record.receipts[receipt.client_id] = rules.merged(known, receipt)
        passed = rules.passed(known.state if known else None, receipt.state)
        record.added.update(passed)
        if known is None:
            record.added["seen"] += 1
        for name in passed:
            first = record.first_at_ms.get(name, receipt.at_ms)
            record.first_at_ms[name] = min(first, receipt.at_ms)
            record.last_at_ms[name] = max(record.last_at_ms.get(name, 0), receipt.at_ms)
        return Recorded(receipt=merged, is_news=True)

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
        with self._lock:
            record = self._find(message_id, now_ms)
            if record is None:
                return ReceiptPage(receipts=(), cursor=None)
            rest = sorted(each for each in record.receipts if cursor is None or each > cursor)
            page = [record.receipts[each] for each in rest[:limit]]
            return ReceiptPage(
                receipts=tuple(each for each in page if state in {None, each.state}),
                cursor=page[-1].client_id if len(rest) > limit else None,
            )

    def read_newest(
        self, listing: Listing | None, *, cursor: str | None = None, limit: int = 100
    ) -> MessagePage:
        """See `ports.MessageStore.read_newest`."""
        with self._lock:
            names = sorted(
                listing_rules.name_of(record.message.publication.accepted_at_ms, message_id)
                for message_id, record in self._records.items()
                if listing in {None, record.listing}
            )
        older = [name for name in reversed(names) if cursor is None or name < cursor]
        return listing_rules.page_of([older], limit=limit)

    def finish(self, message_id: str, *, now_ms: int) -> bool:
        """See `ports.MessageStore.finish`."""
        with self._lock:
            record = self._find(message_id, now_ms)
            if record is None or not record.is_open:
                return False
            record.is_open, record.look_at_ms = False, None
            return True

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 100
    ) -> Sequence[DuePage]:
        """See `ports.MessageStore.read_due`."""
        with self._lock:
            return [self._read_due(each, due_before_ms, limit) for each in places]

    def _read_due(self, place: Place, due_before_ms: int, limit: int) -> DuePage:
        rest = sorted(
            (record.look_at_ms, message_id)
            for message_id, record in self._records.items()
            if record.look_at_ms is not None
            and record.look_at_ms < due_before_ms
            and shard_of(message_id) == place.shard
            and f"{record.look_at_ms:015} {message_id}" > (place.cursor or "")
        )
        page = [DueMessage(message_id=each, look_at_ms=at_ms) for at_ms, each in rest[:limit]]
        last = page[-1] if len(rest) > limit else None
        return DuePage(
            due=tuple(page), cursor=f"{last.look_at_ms:015} {last.message_id}" if last else None
        )

    def postpone(self, due: DueMessage, *, look_at_ms: int) -> bool:
        """See `ports.MessageStore.postpone`."""
        with self._lock:
            record = self._records.get(due.message_id)
            if record is None or record.look_at_ms != due.look_at_ms:
                return False
            record.look_at_ms = look_at_ms
            return True

    def _find(self, message_id: str, now_ms: int) -> _Record | None:
        record = self._records.get(message_id)
        if record is None or record.message.ends_at_ms <= now_ms:
            return None
        return record

    def _read(self, message_id: str, now_ms: int) -> MessageRecord | None:
        record = self._find(message_id, now_ms)
        if record is None:
            return None
        return MessageRecord(
            message=record.message,
            stage=record.stage,
            is_open=record.is_open,
            counts=rules.counts_of(record.message, record.added),
            first_at_ms=dict(record.first_at_ms),
            last_at_ms=dict(record.last_at_ms),
        )


@dataclass
class _Repeat:
    fingerprint: str
    message_id: str
    reserved_at_ms: int
    attempted_at_ms: int
    answer: str | None = None


class MemoryIdempotencyStore:
    """`ports.IdempotencyStore` in this process's memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repeats: dict[str, _Repeat] = {}

    def begin(self, key: str, *, fingerprint: str, message_id: str, now_ms: int) -> Repeat:
        """See `ports.IdempotencyStore.begin`."""
        with self._lock:
            known = self._repeats.get(key)
            if known is None or known.reserved_at_ms + REPEAT_LIFETIME_MS <= now_ms:
                self._repeats[key] = _Repeat(fingerprint, message_id, now_ms, now_ms)
                return Repeat(message_id=message_id, is_mine=True)
            is_same = known.fingerprint == fingerprint
            is_dead = known.answer is None and known.attempted_at_ms + DEAD_AFTER_MS <= now_ms
            if is_same and is_dead:
                known.attempted_at_ms = now_ms
            return Repeat(
                message_id=known.message_id,
                is_mine=is_same and is_dead,
                is_same=is_same,
                answer=known.answer if is_same else None,
            )

    def complete(self, key: str, *, answer: str, now_ms: int) -> None:
        """See `ports.IdempotencyStore.complete`."""
        del now_ms  # what lies in memory does not outlive its `begin`
        with self._lock:
            if key in self._repeats:
                self._repeats[key].answer = answer

    def abandon(self, key: str, *, begun_at_ms: int) -> None:
        """See `ports.IdempotencyStore.abandon`."""
        with self._lock:
            known = self._repeats.get(key)
            if known is not None and known.attempted_at_ms == begun_at_ms:
                known.attempted_at_ms = 0


class MemoryStatisticsStore:
    """`ports.StatisticsStore` in this process's memory. It forgets nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[int, Counter[str]] = {}

    def add(self, counts: Mapping[str, int], *, now_ms: int) -> None:
        """See `ports.StatisticsStore.add`."""
        with self._lock:
            self._minutes.setdefault(minute_of(now_ms), Counter()).update(counts)

    def read(self, *, from_ms: int, to_ms: int) -> Sequence[Minute]:
        """See `ports.StatisticsStore.read`."""
        with self._lock:
            return [
                Minute(at_ms=at_ms, counts=dict(self._minutes[at_ms]))
                for at_ms in sorted(self._minutes)
                if from_ms <= at_ms < to_ms
            ]

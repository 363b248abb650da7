"""What must hold when all has come to rest: the store's records against what clients saw.

accepted = delivered + expired + rejected + missing + still in the inbox
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudpush.model import ReceiptState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cloudpush.model import Receipt
    from cloudpush.ports import MessageRecord
    from tests.chaos.backings import Backing
    from tests.fakes.world import Client

COUNTS = ("accepted", "delivered", "expired", "rejected", "missing")


@dataclass
class Audit:
    """A look at everything; `now_ms=0` finds every record, expired or not."""

    backing: Backing
    accepted: set[int]
    """The numbers that senders were told are accepted; each message carries its number."""
    clients: Mapping[str, Client]
    counts: Counter[str] = field(default_factory=Counter[str])
    """Sums over the accepted messages, with `waiting` for what is still in an inbox."""

    def violations(self) -> list[str]:
        """Return every sentence that should not be true."""
        return [*self._violations()]

    def _violations(self) -> Iterator[str]:
        waiting = {
            (client_id, entry.publication.message_id)
            for client_id in self.clients
            for entry in self.backing.inboxes.read_entries(client_id, limit=10_000, now_ms=0)
        }
        known: dict[str, MessageRecord] = {}
        seen = {name: {each for _, _, each in one.taken} for name, one in self.clients.items()}
        for message_id in self.backing.message_ids():
            record = self.backing.messages.get(message_id, now_ms=0)
            assert record is not None
            known[message_id] = record
            receipts = self.backing.messages.read_receipts(
                message_id, limit=1000, now_ms=0
            ).receipts
            yield from self._about(record, receipts, waiting, seen)
        numbers = Counter(record.message.publication.msg["n"] for record in known.values())
        for number in self.accepted - numbers.keys():
            yield f"message {number} was accepted and has no record"
        for number, times in numbers.items():
            if times > 1:
                yield f"message {number} was sent under {times} ids"
        for client_id, message_id in waiting:
            row = self.backing.inboxes.get(client_id, now_ms=0)
            yield f"{message_id} still waits for {client_id}, who is connected: {row}"
        for client in self.clients.values():
            yield from faults_in(client, known)

    def _about(
        self,
        record: MessageRecord,
        receipts: tuple[Receipt, ...] | list[Receipt],
        waiting: set[tuple[str, str]],
        seen: Mapping[str, set[str]],
    ) -> Iterator[str]:
        message, counts = record.message, record.counts
        name = f"message {message.publication.msg['n']} ({message.message_id})"
        left = sum((each.client_id, message.message_id) in waiting for each in receipts)
        if message.publication.msg["n"] in self.accepted:
            self.counts.update({each: getattr(counts, each) for each in COUNTS}, waiting=left)
            if counts.accepted != counts.settled + left:
                yield f"{name}: {counts}, {left} wait"
        for each in receipts:
            was_seen = message.message_id in seen.get(each.client_id, ())
            if each.state is ReceiptState.DELIVERED and not was_seen:
                yield f"{each.client_id} never saw {name}, which is delivered"
            if each.state is ReceiptState.EXPIRED and each.at_ms < message.expires_at_ms:
                yield f"{name} expired before its time"
            if each.state is ReceiptState.MISSING and each.client_id in self.clients:
                yield f"{name} misses {each.client_id}, who is there"


def faults_in(client: Client, known: Mapping[str, MessageRecord]) -> Iterator[str]:
    """Yield what is wrong with what a client saw, whatever the store says of it."""
    by_epoch: dict[str, list[int]] = {}
    for epoch, seq, message_id in client.taken:
        by_epoch.setdefault(epoch, []).append(seq)
        record = known.get(message_id)
        if record is None:
            yield f"{client.client_id} saw {message_id}, which nobody sent"
        elif client.client_id not in (record.message.clients or [client.client_id]):
            yield f"{client.client_id} saw {message_id}, which was for others"
    if len({each for _, _, each in client.taken}) != len(client.taken):
        yield f"{client.client_id} saw a message twice"
    for epoch, seqs in by_epoch.items():
        if seqs != sorted(set(seqs)):
            yield f"{client.client_id} saw messages out of order, in {epoch}"

"""The inboxes on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}{SHARD}:inbox:CLIENT      string   the row, as JSON
    {prefix}{SHARD}:entries:CLIENT    hash     seq -> "SIZE EXPIRES_AT_MS TRACKED PUBLICATION"
    {prefix}{SHARD}:seen:CLIENT       zset     message ids that it has had, by expiry
    {prefix}{SHARD}:ids:CLIENT        hash     the retained ones of them -> seq
    {prefix}{SHARD}:expiries:CLIENT   zset     seqs, by expiry
    {prefix}{SHARD}:inboxes           zset     the shard's inboxes, by client id
    {prefix}{SHARD}:inbox-ends        zset     the same, by when each expires
    {prefix}{SHARD}:due-inboxes       zset     those that want to be looked after, by since when

The braces around `SHARD`, which is the client's, stand in the key itself. Every method is one
script and one round trip; `append` and `claim` of many clients are one pipeline. Every key expires
by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from cloudpush.model import (
    INBOX_LIFETIME_MS,
    Copy,
    Entry,
    Inbox,
    Place,
    Publication,
    shard_of,
)
from cloudpush.ports import Append, Claim, Copies, Grant, InboxPage, Outgoing
from cloudpush.stores import inbox_rules as rules
from cloudpush.stores.redis_client import read_script, run_many, translated_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.stores.redis_client import Client

_FIELDS_OF_OUTGOING: Final = 3
_FIELDS_OF_COPY: Final = 3

_row_decoder = msgspec.json.Decoder(Inbox)
_publication_decoder = msgspec.json.Decoder(Publication)


class RedisInboxStore:
    """`ports.InboxStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._client = client
        self._prefix = prefix
        (
            self._append,
            self._open,
            self._claim,
            self._release,
            self._read_sent,
            self._read_expired,
            self._settle,
        ) = (
            read_script(client, "inbox/prelude", f"inbox/{name}")
            for name in (
                "append",
                "open",
                "claim",
                "release",
                "read_sent",
                "read_expired",
                "settle",
            )
        )

    def get(self, client_id: str, *, now_ms: int) -> Inbox | None:
        """See `ports.InboxStore.get`."""
        with translated_errors():
            text = self._client.get(self._keys(client_id)[0])
        row = None if text is None else _row_decoder.decode(text)
        return row if row is not None and row.kept_until_ms > now_ms else None

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
        calls = [
            (
                self._keys(client_id),
                [
                    client_id,
                    now_ms,
                    text,
                    len(text),
                    publication.message_id,
                    expires_at_ms,
                    int(is_tracked),
                    epoch,
                    now_ms + INBOX_LIFETIME_MS,
                    rules.INBOX_DEPTH,
                    rules.INBOX_BYTES,
                ],
            )
            for client_id, is_tracked in zip(client_ids, tracked, strict=True)
        ]
        return [Append(each) for each in run_many(self._client, self._append, calls)]

    def open(self, client_id: str, *, epoch: str, now_ms: int) -> Inbox:
        """See `ports.InboxStore.open`."""
        with translated_errors():
            text = self._open(
                self._keys(client_id), [client_id, now_ms, epoch, now_ms + INBOX_LIFETIME_MS]
            )
        return _row_decoder.decode(cast("str", text))

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        """See `ports.InboxStore.claim`."""
        attempts = range(len(rules.RESEND_WAITS_SECONDS) + 1)
        calls = [
            (
                self._keys(client_id),
                [
                    client_id,
                    now_ms,
                    owner,
                    now_ms + lease_ms,
                    rules.WINDOW_MESSAGES,
                    rules.WINDOW_BYTES,
                    rules.TIMER_SLACK_MS,
                    *(rules.resend_wait_ms(client_id, attempt) for attempt in attempts),
                ],
            )
            for client_id in client_ids
        ]
        return [_claim_in(answer) for answer in run_many(self._client, self._claim, calls)]

    def release(self, client_id: str, *, owner: str, is_unsent: bool = False, now_ms: int) -> bool:
        """See `ports.InboxStore.release`."""
        with translated_errors():
            return bool(
                self._release(self._keys(client_id), [client_id, now_ms, owner, "", int(is_unsent)])
            )

    def park(self, client_id: str, *, owner: str, fence: int, now_ms: int) -> bool:
        """See `ports.InboxStore.park`."""
        with translated_errors():
            return bool(self._release(self._keys(client_id), [client_id, now_ms, owner, fence, 0]))

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
        with translated_errors():
            answer = self._read_sent(
                self._keys(client_id), [client_id, now_ms, through_seq or 0, limit, *message_ids]
            )
        return _copies_in(cast("list[str]", answer))

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        """See `ports.InboxStore.read_expired`."""
        with translated_errors():
            answer = self._read_expired(self._keys(client_id), [client_id, now_ms, limit])
        return _copies_in(cast("list[str]", answer))

    def settle(
        self, client_id: str, *, epoch: str, seqs: Sequence[int], is_progress: bool, now_ms: int
    ) -> Inbox | None:
        """See `ports.InboxStore.settle`."""
        wait_ms = rules.resend_wait_ms(client_id, 0)
        with translated_errors():
            text = self._settle(
                self._keys(client_id),
                [client_id, now_ms, epoch, int(is_progress), wait_ms, *seqs],
            )
        return None if text is None else _row_decoder.decode(cast("str", text))

    def read_entries(
        self, client_id: str, *, after_seq: int = 0, limit: int = 100, now_ms: int
    ) -> Sequence[Entry]:
        """See `ports.InboxStore.read_entries`. For consoles: it reads twice `limit` at a time."""
        row = self.get(client_id, now_ms=now_ms)
        found: list[Entry] = []
        if row is None:
            return found
        seq = max(after_seq, row.settled_seq)
        while seq < row.last_seq and len(found) < limit:
            seqs = range(seq + 1, min(seq + 2 * limit, row.last_seq) + 1)
            with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
                for each in seqs:
                    pipeline.hget(self._keys(client_id)[1], str(each))
                texts = pipeline.execute()
            found += [
                _entry_in(each, text)
                for each, text in zip(seqs, texts, strict=True)
                if text is not None
            ]
            seq = seqs[-1]
        return found[:limit]

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 500
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_due`.

        Pages count ranks: what moves meanwhile may be left out, and is found the next time.
        """
        offsets = [int(each.cursor or 0) for each in places]
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for place, offset in zip(places, offsets, strict=True):
                pipeline.zrange(
                    f"{self._prefix}{{{place.shard:03}}}:due-inboxes",
                    "-inf",
                    f"({due_before_ms}",
                    byscore=True,
                    offset=offset,
                    num=limit,
                )
            answers = pipeline.execute()
        return [
            InboxPage(
                client_ids=tuple(members),
                cursor=str(offset + limit) if len(members) == limit else None,
            )
            for offset, members in zip(offsets, answers, strict=True)
        ]

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> InboxPage:
        """See `ports.InboxStore.read_shard`."""
        [page] = self.read_shards([Place(shard=shard, cursor=cursor)], limit=limit, now_ms=now_ms)
        return page

    def read_shards(
        self, places: Sequence[Place], *, limit: int, now_ms: int
    ) -> Sequence[InboxPage]:
        """See `ports.InboxStore.read_shards`."""
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for each in places:
                home = f"{self._prefix}{{{each.shard:03}}}"
                first = "-" if each.cursor is None else f"({each.cursor}"
                pipeline.zrange(f"{home}:inboxes", first, "+", bylex=True, offset=0, num=limit)
                pipeline.zrange(f"{home}:inbox-ends", "-inf", str(now_ms), byscore=True)
            answers = pipeline.execute()
        pages: list[InboxPage] = []
        for members, over in zip(answers[::2], answers[1::2], strict=True):
            gone = frozenset(over)
            pages.append(
                InboxPage(
                    client_ids=tuple(each for each in members if each not in gone),
                    cursor=members[-1] if len(members) == limit else None,
                )
            )
        return pages

    def _keys(self, client_id: str) -> list[str]:
        """Return KEYS as the scripts name them (inbox/prelude.lua)."""
        home = f"{self._prefix}{{{shard_of(client_id):03}}}"
        return [
            f"{home}:inbox:{client_id}",
            f"{home}:entries:{client_id}",
            f"{home}:seen:{client_id}",
            f"{home}:ids:{client_id}",
            f"{home}:expiries:{client_id}",
            f"{home}:inboxes",
            f"{home}:inbox-ends",
            f"{home}:due-inboxes",
        ]


def _claim_in(answer: Sequence[str]) -> Claim:
    grant, row, delay_ms, *rest = answer
    return Claim(
        grant=Grant(grant),
        inbox=_row_decoder.decode(row) if row else None,
        timer_delay_ms=int(delay_ms) if delay_ms else None,
        outgoing=tuple(
            Outgoing(entry=_entry_in(int(seq), text), after=int(after) if after else None)
            for seq, after, text in _in_groups(rest, _FIELDS_OF_OUTGOING)
        ),
    )


def _entry_in(seq: int, text: str) -> Entry:
    size, expires_at_ms, tracked, publication = text.split(" ", 3)
    return Entry(
        seq=seq,
        publication=_publication_decoder.decode(publication),
        expires_at_ms=int(expires_at_ms),
        is_tracked=tracked == "1",
        size=int(size),
    )


def _copies_in(answer: Sequence[str]) -> Copies:
    epoch, *rest = answer
    copies = [
        Copy(seq=int(seq), message_id=message_id, is_tracked=tracked == "1")
        for seq, message_id, tracked in _in_groups(rest, _FIELDS_OF_COPY)
    ]
    return Copies(epoch=epoch, copies=tuple(sorted(copies, key=lambda copy: copy.seq)))


def _in_groups(values: Sequence[str], size: int) -> Sequence[Sequence[str]]:
    return [values[start : start + size] for start in range(0, len(values), size)]

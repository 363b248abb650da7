"""Messages and their receipts on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}{SHARD}:message:ID      hash   the record, and what its counts come to
    {prefix}{SHARD}:receipts:ID     hash   client id -> "STATE AT_MS SENT_AT_MS"
    {prefix}{SHARD}:recipients:ID   zset   those clients, by name
    {prefix}{SHARD}:due-messages    zset   the shard's messages that are due, by when to look
    {prefix}{SHARD}:LISTING-messages   zset   the shard's messages in a list, by when accepted
    {prefix}{SHARD}:listed-messages    zset   those of all three lists, by when their record ends

The braces around `SHARD`, which is the message's, stand in the key itself. Every method is one
script and one round trip, save `read_receipts`, which takes two; `record` is one pipeline, and so
is `read_newest`, which asks all 256 shards. Every key expires by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from cloudpush.model import (
    SHARDS,
    Listing,
    Message,
    MessageState,
    Receipt,
    ReceiptState,
    shard_of,
)
from cloudpush.ports import DueMessage, DuePage, MessagePage, MessageRecord, ReceiptPage, Recorded
from cloudpush.stores import listing_rules
from cloudpush.stores import receipt_rules as rules
from cloudpush.stores.redis_client import read_script, run_many, translated_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudpush.model import Place
    from cloudpush.stores.redis_client import Client


_decoder = msgspec.json.Decoder(Message)


class RedisMessageStore:
    """`ports.MessageStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._client = client
        self._prefix = prefix
        self._record, self._postpone = (
            read_script(client, "message/prelude", f"message/{name}")
            for name in ("record", "postpone")
        )
        self._create, self._move, self._finish = (
            read_script(client, "message/prelude", "message/listing", f"message/{name}")
            for name in ("create", "move", "finish")
        )

    def create(self, message: Message, *, look_at_ms: int, now_ms: int) -> bool:
        """See `ports.MessageStore.create`."""
        message_id, stage = message.message_id, rules.first_stage(message, now_ms)
        accepted_at_ms = message.publication.accepted_at_ms
        with translated_errors():
            return bool(
                self._create(
                    self._keys_and_lists(message_id),
                    [
                        message_id,
                        now_ms,
                        msgspec.json.encode(message),
                        message.ends_at_ms,
                        stage.value,
                        look_at_ms,
                        listing_rules.name_of(accepted_at_ms, message_id),
                        listing_rules.first_listing(message, stage).value,
                    ],
                )
            )

    def get(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.get`."""
        with translated_errors():
            found = self._client.hgetall(self._keys(message_id)[0])
        return _record_in(found, now_ms)

    def begin(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.begin`."""
        record = self.get(message_id, now_ms=now_ms)
        if record is None or record.stage is not MessageState.SCHEDULED:
            return record
        return self._moved(
            message_id,
            MessageState.SCHEDULED,
            MessageState.SENDING,
            not_before_ms=record.message.due_at_ms,
            then=listing_rules.listing_of(
                MessageState.SENDING,
                is_open=record.is_open,
                is_fanned_out=record.message.is_fanned_out,
            ).value,
            now_ms=now_ms,
        )

    def cancel(self, message_id: str, *, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.cancel`. Of a fan-out that runs it takes a second round trip."""
        record = self._moved(
            message_id,
            MessageState.SCHEDULED,
            MessageState.CANCELLED,
            then="drop",
            now_ms=now_ms,
        )
        if record is None or not record.message.is_fanned_out:
            return record
        for stage in (MessageState.SENDING, MessageState.PAUSED):
            if record is not None and record.stage is stage:
                record = self._moved(
                    message_id,
                    stage,
                    MessageState.CANCELLED,
                    then="stop",
                    now_ms=now_ms,
                )
        return record

    def read_stage(self, message_id: str, *, now_ms: int) -> MessageState | None:
        """See `ports.MessageStore.read_stage`."""
        key = self._keys(message_id)[0]
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.hget(key, "stage")
            pipeline.hget(key, "ends_at_ms")
            stage, ends_at_ms = pipeline.execute()
        return MessageState(stage) if stage and int(ends_at_ms) > now_ms else None

    def set_paused(self, message_id: str, *, is_paused: bool, now_ms: int) -> MessageRecord | None:
        """See `ports.MessageStore.set_paused`."""
        if is_paused:
            return self._moved(
                message_id, MessageState.SENDING, MessageState.PAUSED, then="keep", now_ms=now_ms
            )
        return self._moved(
            message_id, MessageState.PAUSED, MessageState.SENDING, then="now", now_ms=now_ms
        )

    def _moved(
        self,
        message_id: str,
        before: MessageState,
        after: MessageState,
        *,
        not_before_ms: int = 0,
        then: str,
        now_ms: int,
    ) -> MessageRecord | None:
        with translated_errors():
            answer = self._move(
                self._keys_and_lists(message_id),
                [message_id, now_ms, before.value, after.value, not_before_ms, then],
            )
        values = cast("list[str]", answer)
        return _record_in(dict(zip(values[::2], values[1::2], strict=True)), now_ms)

    def record(self, receipts: Sequence[Receipt], *, now_ms: int) -> Sequence[Recorded | None]:
        """See `ports.MessageStore.record`."""
        calls = [
            (
                self._keys(receipt.message_id),
                [
                    receipt.message_id,
                    now_ms,
                    receipt.client_id,
                    int(receipt.state),
                    receipt.at_ms,
                    receipt.sent_at_ms or 0,
                ],
            )
            for receipt in receipts
        ]
        answers: list[str | None] = run_many(self._client, self._record, calls)
        return [
            None if answer is None else _recorded_in(receipt.message_id, receipt.client_id, answer)
            for receipt, answer in zip(receipts, answers, strict=True)
        ]

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
        if self.get(message_id, now_ms=now_ms) is None:
            return ReceiptPage(receipts=(), cursor=None)
        _, receipts_key, recipients_key, _ = self._keys(message_id)
        first = "-" if cursor is None else f"({cursor}"
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.zrange(recipients_key, first, "+", bylex=True, offset=0, num=limit + 1)
            [names] = pipeline.execute()
            page = cast("list[str]", names)[:limit]
            for name in page:
                pipeline.hget(receipts_key, name)
            texts = pipeline.execute()
        found = [
            _receipt_in(message_id, name, text)
            for name, text in zip(page, texts, strict=True)
            if text is not None
        ]
        return ReceiptPage(
            receipts=tuple(each for each in found if state in {None, each.state}),
            cursor=page[-1] if len(names) > limit else None,
        )

    def finish(self, message_id: str, *, now_ms: int) -> bool:
        """See `ports.MessageStore.finish`."""
        with translated_errors():
            return bool(self._finish(self._keys_and_lists(message_id), [message_id, now_ms]))

    def read_newest(
        self, listing: Listing | None, *, cursor: str | None = None, limit: int = 100
    ) -> MessagePage:
        """See `ports.MessageStore.read_newest`."""
        first = "+" if cursor is None else f"({cursor}"
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for each in Listing if listing is None else [listing]:
                for shard in range(SHARDS):
                    pipeline.zrange(
                        self._list_key(shard, each),
                        first,
                        "-",
                        desc=True,
                        bylex=True,
                        offset=0,
                        num=limit + 1,
                    )
            parts: list[list[str]] = pipeline.execute()
        return listing_rules.page_of(parts, limit=limit)

    def read_due(
        self, places: Sequence[Place], *, due_before_ms: int, limit: int = 100
    ) -> Sequence[DuePage]:
        """See `ports.MessageStore.read_due`.

        Pages count ranks: what moves meanwhile may be left out, and is found the next time.
        """
        offsets = [int(each.cursor or 0) for each in places]
        with translated_errors(), self._client.pipeline(transaction=False) as pipeline:
            for place, offset in zip(places, offsets, strict=True):
                pipeline.zrange(
                    f"{self._prefix}{{{place.shard:03}}}:due-messages",
                    "-inf",
                    f"({due_before_ms}",
                    byscore=True,
                    withscores=True,
                    offset=offset,
                    num=limit,
                )
            answers = pipeline.execute()
        return [
            DuePage(
                due=tuple(
                    DueMessage(message_id=each, look_at_ms=int(at_ms)) for each, at_ms in members
                ),
                cursor=str(offset + limit) if len(members) == limit else None,
            )
            for offset, members in zip(offsets, answers, strict=True)
        ]

    def postpone(self, due: DueMessage, *, look_at_ms: int) -> bool:
        """See `ports.MessageStore.postpone`."""
        with translated_errors():
            return bool(
                self._postpone(
                    self._keys(due.message_id), [due.message_id, 0, due.look_at_ms, look_at_ms]
                )
            )

    def _keys(self, message_id: str) -> list[str]:
        """Return KEYS as the scripts name them (message/prelude.lua)."""
        home = f"{self._prefix}{{{shard_of(message_id):03}}}"
        return [
            f"{home}:message:{message_id}",
            f"{home}:receipts:{message_id}",
            f"{home}:recipients:{message_id}",
            f"{home}:due-messages",
        ]

    def _keys_and_lists(self, message_id: str) -> list[str]:
        """Return KEYS as message/listing.lua names them, too."""
        shard = shard_of(message_id)
        return [
            *self._keys(message_id),
            *(self._list_key(shard, each) for each in Listing),
            f"{self._prefix}{{{shard:03}}}:listed-messages",
        ]

    def _list_key(self, shard: int, listing: Listing) -> str:
        return f"{self._prefix}{{{shard:03}}}:{listing.value}-messages"


def _record_in(found: Mapping[str, str], now_ms: int) -> MessageRecord | None:
    if not found or int(found["ends_at_ms"]) <= now_ms:
        return None
    message = _decoder.decode(found["message"])

    def numbers(kind: str) -> dict[str, int]:
        return {
            name.removeprefix(kind): int(value)
            for name, value in found.items()
            if name.startswith(kind)
        }

    return MessageRecord(
        message=message,
        stage=MessageState(found["stage"]),
        is_open=found["is_open"] == "1",
        counts=rules.counts_of(message, numbers("added:")),
        first_at_ms=numbers("first:"),
        last_at_ms=numbers("last:"),
    )


def _recorded_in(message_id: str, client_id: str, text: str) -> Recorded:
    is_news, _, kept = text.partition(" ")
    return Recorded(receipt=_receipt_in(message_id, client_id, kept), is_news=is_news == "1")


def _receipt_in(message_id: str, client_id: str, text: str) -> Receipt:
    state, at_ms, sent_at_ms = text.split(" ")
    return Receipt(
        message_id=message_id,
        client_id=client_id,
        state=ReceiptState(int(state)),
        at_ms=int(at_ms),
        sent_at_ms=int(sent_at_ms) or None,
    )

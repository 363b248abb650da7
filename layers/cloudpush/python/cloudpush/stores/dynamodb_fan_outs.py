"""How far fan-outs are, on the DynamoDB table: one item for each.

    pk           sk        what
    message#ID   fan-out   `open`, the shards that are not finished; `leases`, who holds which of
                           them and the place of each that was begun; what was posted

The item has a few KB, as only the shards that are begun and not finished have an entry in
`leases`. Workers change it side by side: each write names the shards that it is about, and has a
condition for these alone, so nobody loses to a neighbour. Requests in the common case:

    claim    GetItem, UpdateItem
    save     UpdateItem
    get      GetItem
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from cloudpush.model import Place, Posted
from cloudpush.ports import FanOutClaim, FanOutProgress
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_errors import ConditionFailed
from cloudpush.stores.dynamodb_table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.model import Message
    from cloudpush.ports import FanOutStep
    from cloudpush.stores.dynamodb_items import Item

IS_ABSENT: Final = "attribute_not_exists(#pk)"
IS_OVER: Final = "#ends_at_ms <= :now"
IS_UNWATCHED: Final = "attribute_not_exists(#watched_until_ms) OR #watched_until_ms <= :now"

SHARDS_PER_WRITE: Final = 16
"""An expression may have 4 KB (Amazon DynamoDB Developer Guide, «Quotas»); these have two."""

_COUNTS: Final = ("sent", "waiting", "gone", "dropped", "untracked")


class DynamoDbFanOutStore:
    """`ports.FanOutStore` on one table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def claim(
        self,
        message: Message,
        *,
        owner: str,
        limit: int,
        lease_ms: int,
        now_ms: int,
    ) -> FanOutClaim:
        """See `ports.FanOutStore.claim`."""
        message_id = message.message_id

        def attempt() -> FanOutClaim:
            item = self._read(message_id, now_ms)
            if item is None:
                item = self._begin(message, now_ms)
            leases = item["leases"]["M"]
            left = sorted(int(each) for each in item.get("open", {"SS": []})["SS"])
            free = [each for each in left if _free_at_ms(leases, each) <= now_ms]
            if not free:
                return self._watch(message_id, [_free_at_ms(leases, each) for each in left], now_ms)
            # Two workers that ask at the same time begin in different places.
            count = min(limit, SHARDS_PER_WRITE)
            start = zlib.crc32(owner.encode()) % len(free)
            places = [_place_in(leases, each) for each in (free[start:] + free[:start])[:count]]
            self._lease(message_id, places, owner, now_ms + lease_ms, now_ms)
            return FanOutClaim(places=tuple(places))

        return self._table.until_won(owner, attempt)

    def _begin(self, message: Message, now_ms: int) -> Item:
        item: Item = {
            **_key(message.message_id),
            "open": {"SS": [str(shard) for shard in range(message.shards)]},
            "leases": {"M": {}},
            "ends_at_ms": items.number(message.ends_at_ms),
            "ttl": items.ttl(message.ends_at_ms),
        }
        self._table.put(
            item, condition=f"{IS_ABSENT} OR {IS_OVER}", values={":now": items.number(now_ms)}
        )
        return item

    def _lease(
        self, message_id: str, places: Sequence[Place], owner: str, until_ms: int, now_ms: int
    ) -> None:
        conditions: list[str] = []
        values: Item = {":now": items.number(now_ms)}
        for each in places:
            name = _name(each.shard)
            values[f":{name}"] = _lease_of(each, owner, until_ms)
            values[f":n{each.shard}"] = {"S": str(each.shard)}
            is_open = f"contains(#open, :n{each.shard})"
            is_free = f"attribute_not_exists(#leases.#{name}) OR #leases.#{name}.#until_ms <= :now"
            conditions.append(f"{is_open} AND ({is_free})")
        sets = (f"#leases.#{_name(each.shard)} = :{_name(each.shard)}" for each in places)
        self._table.update(
            _key(message_id),
            update=f"SET {', '.join(sets)}",
            condition=" AND ".join(conditions),
            values=values,
        )

    def _watch(self, message_id: str, free_at_ms: Sequence[int], now_ms: int) -> FanOutClaim:
        if not free_at_ms:
            return FanOutClaim(is_over=True)
        try:
            self._table.update(
                _key(message_id),
                update="SET #watched_until_ms = :first",
                condition=IS_UNWATCHED,
                values={":first": items.number(min(free_at_ms)), ":now": items.number(now_ms)},
            )
        except ConditionFailed:
            return FanOutClaim()
        return FanOutClaim(look_again_at_ms=min(free_at_ms))

    def save(
        self,
        message_id: str,
        *,
        owner: str,
        step: FanOutStep,
        lease_ms: int,
        now_ms: int,
    ) -> frozenset[int]:
        """See `ports.FanOutStore.save`. A lease that was lost costs a second request."""
        leases: dict[int, Item | None] = dict.fromkeys(step.finished)
        leases |= {each.shard: _lease_of(each, owner, now_ms + lease_ms) for each in step.held}
        leases |= {each.shard: _lease_of(each, "", 0) for each in step.released}
        shards = list(leases)
        saved: set[int] = set()
        posted = step.posted
        for start in range(0, max(1, len(shards)), SHARDS_PER_WRITE):
            group = {shard: leases[shard] for shard in shards[start : start + SHARDS_PER_WRITE]}
            saved |= self._save(message_id, owner, group, posted, now_ms)
            posted = Posted()
        return frozenset(each.shard for each in step.held if each.shard in saved)

    def _save(
        self,
        message_id: str,
        owner: str,
        leases: Mapping[int, Item | None],
        posted: Posted,
        now_ms: int,
    ) -> set[int]:
        """Write those of these shards that are the owner's, and return which they are."""
        mine = dict(leases)

        def attempt() -> set[int]:
            nonlocal mine
            try:
                self._write(message_id, owner, mine, posted, now_ms)
            except ConditionFailed as failed:
                if failed.item is None or int(failed.item["ends_at_ms"]["N"]) <= now_ms:
                    return set()
                held = failed.item["leases"]["M"]
                mine = {each: mine[each] for each in mine if _owner(held, each) == owner}
                raise
            return set(mine)

        return self._table.until_won(owner, attempt)

    def _write(
        self,
        message_id: str,
        owner: str,
        shards: Mapping[int, Item | None],
        posted: Posted,
        now_ms: int,
    ) -> None:
        """Write a lease for each of these shards, or finish it where that is None."""
        leases = {shard: lease for shard, lease in shards.items() if lease is not None}
        finished = [shard for shard, lease in shards.items() if lease is None]
        sets = ["#first_at_ms = if_not_exists(#first_at_ms, :now)", "#last_at_ms = :now"]
        sets += [f"#leases.#{_name(each)} = :{_name(each)}" for each in leases]
        adds = [f"#{name} :{name}" for name in _COUNTS]
        update = f"SET {', '.join(sets)} ADD {', '.join(adds)}"
        values: Item = {
            ":now": items.number(now_ms),
            **{f":{_name(each)}": lease for each, lease in leases.items()},
            **{f":{name}": items.number(getattr(posted, name)) for name in _COUNTS},
        }
        condition = "attribute_exists(#pk)"
        if finished:
            removed = ", ".join(f"#leases.#{_name(each)}" for each in finished)
            update += f" REMOVE {removed} DELETE #open :finished"
            values[":finished"] = {"SS": [str(each) for each in finished]}
        if shards:
            values[":owner"] = {"S": owner}
            condition = _all_owned(shards)
        self._table.update(_key(message_id), update=update, condition=condition, values=values)

    def get(self, message_id: str, *, now_ms: int) -> FanOutProgress | None:
        """See `ports.FanOutStore.get`."""
        item = self._read(message_id, now_ms)
        if item is None:
            return None
        return FanOutProgress(
            open_shards=len(item.get("open", {"SS": []})["SS"]),
            posted=Posted(**{name: _number_in(item, name) or 0 for name in _COUNTS}),
            first_at_ms=_number_in(item, "first_at_ms"),
            last_at_ms=_number_in(item, "last_at_ms"),
        )

    def _read(self, message_id: str, now_ms: int) -> Item | None:
        item = self._table.get(_key(message_id))
        return None if item is None or int(item["ends_at_ms"]["N"]) <= now_ms else item


def _key(message_id: str) -> Item:
    return items.message_key(message_id, "fan-out")


def _name(shard: int) -> str:
    """Return what a shard is called in `leases`: a word that an expression can name."""
    return f"s{shard}"


def _all_owned(shards: Iterable[int]) -> str:
    return " AND ".join(f"#leases.#{_name(each)}.#owner = :owner" for each in shards)


def _lease_of(place: Place, owner: str, until_ms: int) -> Item:
    lease: Item = {"owner": {"S": owner}, "until_ms": items.number(until_ms)}
    if place.cursor is not None:
        lease["cursor"] = {"S": place.cursor}
    return {"M": lease}


def _place_in(leases: Item, shard: int) -> Place:
    cursor = leases.get(_name(shard), {"M": {}})["M"].get("cursor")
    return Place(shard=shard, cursor=None if cursor is None else cursor["S"])


def _free_at_ms(leases: Item, shard: int) -> int:
    lease = leases.get(_name(shard))
    return 0 if lease is None else int(lease["M"]["until_ms"]["N"])


def _owner(leases: Item, shard: int) -> str | None:
    lease = leases.get(_name(shard))
    return None if lease is None else lease["M"]["owner"]["S"]


def _number_in(item: Item, name: str) -> int | None:
    found: Any = item.get(name)
    return None if found is None else int(found["N"])

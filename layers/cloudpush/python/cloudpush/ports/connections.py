"""Who is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.model import Connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cloudpush.model import Place, Policy


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What `ConnectionStore.admit` did."""

    replaced: tuple[Connection, ...] = ()
    """Under `Policy.SINGLE`: the older connections that lost their place, to be closed 4101,
    oldest generation first. Their `last_seen_ms` may lag, as in `resolve`."""
    is_superseded: bool = False
    """Under `Policy.SINGLE`: a newer connection is there already; close this one with 4101."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a shard."""

    connections: tuple[Connection, ...]
    cursor: str | None
    """Opaque. Pass it to go on; None means that the shard is read to its end."""


class ConnectionStore(Protocol):
    """Who is connected.

        unknown ── admit ──► pending ── touch, confirm ──► open ── forget ──► forgotten
           │                    └────────── forget, replaced by admit ──────────►  ▲
           └────────────────────────────── forget ─────────────────────────────────┘

    *Forgotten* is a tombstone that stays for an hour: until then nothing revives it, neither an
    `admit` that comes late nor a `touch`. Every read leaves out what is forgotten and what has
    expired (`expires_at_ms <= now_ms`), whatever still lies in storage: an expired connection is
    like one that was never there, to every method.

    Calls are atomic towards each other: what they answer and leave behind is what they would have
    answered and left, had they come one after the other; of `resolve` and of pages this holds for
    each client and each connection by itself. They are idempotent: repeating one
    changes nothing. A repeat answers the same, save `forget` and `forget_unseen`, whose second
    answer is False; so is their first, if the store's own answer was lost on the way.

    The gateway never uses a connection id twice, so all calls of `admit` for one id carry the
    same client, session and times. `now_ms` is the caller's clock. Callers' clocks may differ;
    what has expired for one of them may be gone for all.

    Every method raises `StoreUnavailable` where the store does not answer or is overloaded, and
    `ConfigurationWrong` where it refuses: no such table, no permission, no credentials.
    """

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """Store a connection as pending, and apply the policy by generation.

        `MULTI`: beside the client's others. `SINGLE`: every connection of an older generation is
        forgotten, in the same step, and is returned in `replaced`; if one of a newer generation
        is there, nothing changes and `is_superseded` is true. A connection that was forgotten
        already stays forgotten, and one that has expired already is not stored: the call is then
        without effect. Admitting the same connection again neither closes an open one nor moves
        `expires_at_ms`, and returns the same `replaced`, so that a caller that crashed in between
        can still close them. Costs O(connections of this client).

        Raises:
            TooManyConnections: the client holds as many unexpired connections under `MULTI` as the
                store was made for: 50, the most that there can be, or fewer.
        """
        ...

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """Return a connection, or None if it is unknown, forgotten or expired."""
        ...

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """Record a sign of life: the connection is open and was last seen now.

        `last_seen_ms` never moves backwards. Returns False, and changes nothing, if the
        connection is unknown, forgotten or expired. Every call may write: who wants to write
        seldom looks at `last_seen_ms` first.
        """
        ...

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """Record that a post succeeded: the connection is open. `last_seen_ms` stays.

        Returns False, and changes nothing, if it is unknown, forgotten or expired.
        """
        ...

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """Drop this connection, and nothing of the client's others; leave a tombstone.

        Returns whether a connection that a reader could have seen was dropped. For an id that was
        never admitted, or has expired, only the tombstone is left, so that an `admit` that comes
        late has no effect. Forgetting again does not prolong the tombstone.
        """
        ...

    def forget_unseen(self, connection_id: str, *, seen_before_ms: int, now_ms: int) -> bool:
        """Forget the connection if it was last seen before that time, in one atomic step.

        A sign of life that arrives in between keeps it: then False. Of two callers at most one is
        told True. An unknown or expired id gets no tombstone.
        """
        ...

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """Return each client's connections, oldest generation first; one without is absent.

        Costs O(clients) in round trips of 100 or more clients each. `last_seen_ms` may lag here,
        back to the moment of opening or admission, because a sign of life is written to one place
        only; `get`, `read_shard` and `read_stale` show it as it is.
        """
        ...

    def read_shard(
        self, shard: int, *, cursor: str | None = None, limit: int = 500, now_ms: int
    ) -> Page:
        """Return the next connections of a shard, in a stable order, at most `limit`.

        The shards 0 to `SHARDS` - 1 divide all connections; into which of them one falls is the
        store's choice and never changes. Read page by page, a connection that is there throughout
        is returned exactly once; one that comes or goes meanwhile at most once. A page may be
        empty and still have a cursor.
        """
        ...

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """Return what `read_shard` would for each of these shards, each at most `limit`.

        Together they cost no more round trips than one of them, where the store can do that.
        """
        ...

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """Return connections last seen before that time, of each of these shards at most `limit`.

        As with `read_shard`, a page may be empty and still have a cursor. This is a hint, and may
        be a second old: `forget_unseen` decides. Round trips as for `read_shards`.
        """
        ...

    def count_shards(self, shards: Sequence[int], *, now_ms: int) -> int:
        """Return how many connections `read_shard` would come to, of all of these shards.

        A hint, a second old at most. Round trips as for `read_shards`.
        """
        ...

    def ping(self) -> None:
        """Prove that the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        ...

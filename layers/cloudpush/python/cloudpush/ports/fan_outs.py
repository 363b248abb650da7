"""How far a publication to many is, and how fast it may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.model import Place, Posted

if TYPE_CHECKING:
    from cloudpush.model import Message


class FanOutClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What `FanOutStore.claim` grants a worker."""

    places: tuple[Place, ...] = ()
    """The shards that are yours, and where to go on in each."""
    is_over: bool = False
    """Every shard is finished."""
    look_again_at_ms: int | None = None
    """Nothing is free, others hold what is open, and nobody looks after them yet: do so then."""


class FanOutStep(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker did since it last saved."""

    held: Sequence[Place] = ()
    """It goes on there, and its leases are prolonged."""
    released: Sequence[Place] = ()
    """It goes on there no more, and somebody else may, at once."""
    finished: Sequence[int] = ()
    """Shards that were read to their end, and never come again."""
    posted: Posted = Posted()


class FanOutProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is."""

    open_shards: int
    """Those that are not finished."""
    posted: Posted
    first_at_ms: int | None
    """When the first progress was saved."""
    last_at_ms: int | None


class FanOutStore(Protocol):
    """How far each fan-out is: its shards, who works on them, and what was posted.

        free ── claim ──► leased ── save, finished ──► finished
         ▲                  │ ▲
         └── save, released ┘ └── save, prolonged
         └── the lease ran out

    *Lease.* A worker claims shards under a name of its own, for `lease_ms`; until then nobody else
    is granted them. Every `save` prolongs them. A lease that ran out goes to the next who asks,
    with the place that was saved last, so a worker that dies costs its shards' connections behind
    that place a second post, and nobody his first. A worker that outlived its lease is told by
    `save`, and stops there.

    The record is made by the first `claim`, and is there as long as the message's.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def claim(
        self,
        message: Message,
        *,
        owner: str,
        limit: int,
        lease_ms: int,
        now_ms: int,
    ) -> FanOutClaim:
        """Lease at most `limit` shards that are free, and at least one of them if any is.

        A new record has the message's shards.

        Of several callers that find nothing, one is told `look_again_at_ms`, and the next one only
        when that time has come.
        """
        ...

    def save(
        self,
        message_id: str,
        *,
        owner: str,
        step: FanOutStep,
        lease_ms: int,
        now_ms: int,
    ) -> frozenset[int]:
        """Record how far these shards are, and count what was posted; return those that are held.

        A shard that is no longer `owner`'s is left as it is, and is missing in the answer. The
        posts count all the same: they were made.
        """
        ...

    def get(self, message_id: str, *, now_ms: int) -> FanOutProgress | None:
        """Return how far it is; None before the first claim, and when it is over."""
        ...


class BudgetStore(Protocol):
    """What may be posted that nobody waits for: a ledger that is asked once for each page.

    API Gateway counts connects, messages, posts and calls of the HTTP API of an account together.
    Fan-outs, what is sent again and the sweep keep to a rate below that quota. What is left is the
    reserve of everything else: single pushes, acknowledgements and handshakes ask nobody.

    Every method raises `StoreUnavailable` and `ConfigurationWrong` as `ConnectionStore` does.
    """

    def take(
        self, posts: int, *, rate: int, now_ms: int, longest_wait_ms: int | None = None
    ) -> int:
        """Pay for so many posts; return how many ms their caller has to wait before it makes them.

        What is taken keeps its place: whoever comes later waits longer. At most a tenth of a
        second's posts are made at once after a pause.

        Args:
            posts: how many; fewer than none are given back, because they were not made. Not 0.
            rate: posts a second, where the gateway refuses none.
            now_ms: the caller's clock.
            longest_wait_ms: where they would wait longer, nothing is paid; None is for ever.
        """
        ...

    def slow_down(self, *, now_ms: int) -> None:
        """Halve the rate, at most once a second, because the gateway refused for the quota.

        It comes back by a twentieth of the full rate each second.
        """
        ...

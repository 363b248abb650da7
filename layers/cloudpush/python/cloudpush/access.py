"""Who may come in beside the tokens: API keys, tickets, and from when tokens are good again.

    API key     a backend's credential for HTTP; kept until it is revoked
    ticket      lets one client connect, once, within a minute
    revocation  a client's tokens and tickets from before a moment are good no more

None of them is stored as it is shown: a key and a ticket are found by the SHA-256 of 256 random
bits. Nobody guesses those, so a hash that is slow, or salted, would protect nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cloudpush.rights import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an API key."""

    key_id: str
    """16 hexadecimal digits, a part of the key; no secret."""
    name: str
    """Whom it speaks for, a client id: what it sends is `from` that."""
    digest: str
    """SHA-256 of the whole key, hexadecimal."""
    targets: tuple[str, ...] = ()
    """Patterns of the client ids that it may push to."""
    scopes: frozenset[Scope] = frozenset()
    created_at_ms: int


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a ticket."""

    client_id: str
    targets: tuple[str, ...] = ()
    issued_at_ms: int
    expires_at_ms: int


class AccessStore(Protocol):
    """Where they lie.

    Calls are atomic towards each other. Every method raises `StoreUnavailable` and
    `ConfigurationWrong` as `ports.ConnectionStore` does.
    """

    def add_key(self, key: ApiKey) -> None:
        """Keep a key; one of the same id is replaced."""
        ...

    def get_key(self, key_id: str) -> ApiKey | None:
        """Return a key, or None if there is none, or it was revoked."""
        ...

    def read_keys(self) -> Sequence[ApiKey]:
        """Return all keys, by their ids."""
        ...

    def revoke_key(self, key_id: str) -> bool:
        """Drop a key; return whether it was there."""
        ...

    def add_ticket(self, digest: str, ticket: Ticket) -> None:
        """Keep a ticket until it is redeemed or its time is over."""
        ...

    def redeem_ticket(self, digest: str, *, now_ms: int) -> Ticket | None:
        """Return a ticket and drop it, in one step: of all who ask, one gets it, however they race.

        None if there is none, somebody had it, or its time is over (`expires_at_ms <= now_ms`).
        """
        ...

    def revoke_before(self, client_id: str, not_before_ms: int, *, kept_until_ms: int) -> int:
        """Revoke what a client was issued before that time; return the time that holds now.

        It never moves backwards: of several the latest holds. After `kept_until_ms` of the latest
        it may be dropped.
        """
        ...

    def get_not_before(self, client_id: str) -> int:
        """Return from when on what a client was issued is good; 0 where nothing was revoked."""
        ...

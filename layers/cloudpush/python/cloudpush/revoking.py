"""Revoke what a client was issued: its tokens and tickets from before a moment.

    DELETE /v1/clients/alice, notBefore N    handshake with a token of before N
    1  the revocation is stored              a  what is revoked is read
    2  alice's connections are listed        b  the connection is stored
    3  and closed                            c  what is revoked is read again

Whatever the order: where `a` comes before 1 and `b` after 2, `c` comes after 1. So `$connect` looks
twice; the first look keeps a revoked token from replacing anybody (`ConnectionPolicy=single`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush.errors import InvalidMessage, Unauthorized
from cloudpush.remembering import Remembered
from cloudpush.tokens import LEEWAY_MS, TOKEN_LIFETIME_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.access import AccessStore
    from cloudpush.rights import Principal

KEEP_MS: Final = 10 * 1000
KEPT: Final = 1000
"""How long a function goes by what it read for requests, and of how many clients."""


def revoke(client_id: str, not_before_ms: int, *, store: AccessStore, now_ms: int) -> int:
    """Revoke what a client was issued before that time; return the time that holds now.

    A time to come also refuses what is issued until then.

    Raises:
        InvalidMessage: it is further away than a token lives.
        StoreUnavailable: it was not stored, or perhaps it was.
    """
    if not_before_ms > now_ms + TOKEN_LIFETIME_MS:
        raise InvalidMessage("notBefore is more than 30 days ahead")
    # By then no token is left that was issued before.
    kept_until_ms = max(now_ms, not_before_ms) + TOKEN_LIFETIME_MS + 2 * LEEWAY_MS
    return store.revoke_before(client_id, not_before_ms, kept_until_ms=kept_until_ms)


def is_revoked(principal: Principal, store: AccessStore) -> bool:
    """Tell whether a client's token or ticket was revoked, as the store has it now.

    Raises:
        StoreUnavailable: nobody could tell.
    """
    issued_at_ms = principal.issued_at_ms
    return issued_at_ms is not None and issued_at_ms < store.get_not_before(principal.name)


class Revocations:
    """What was revoked, as one environment knows it: for requests, up to `KEEP_MS` late."""

    def __init__(self, store: AccessStore, *, clock: Callable[[], int]) -> None:
        self._known = Remembered(store.get_not_before, keep_ms=KEEP_MS, size=KEPT, clock=clock)

    def check(self, principal: Principal) -> None:
        """Accept a principal whose token was not revoked.

        Raises:
            Unauthorized: it was.
            StoreUnavailable: nobody could tell.
        """
        issued_at_ms = principal.issued_at_ms
        if issued_at_ms is not None and issued_at_ms < self._known.get(principal.name):
            raise Unauthorized("a valid token is needed")

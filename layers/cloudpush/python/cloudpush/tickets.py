"""One-time tickets: a client connects with `?ticket=`, and no token stands in a URL.

Whoever has a token or an API key gets one by `POST /v1/tickets`: a client for itself, whoever has
the scope `admin` for any client. A ticket hands on no right that its issuer does not have. It is
redeemed by the first handshake that shows it, whatever becomes of that.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from cloudpush import ids, rights
from cloudpush.access import Ticket
from cloudpush.errors import Forbidden, InvalidMessage, Unauthorized
from cloudpush.protocol import check_client_id
from cloudpush.rights import Principal, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.access import AccessStore

LIFETIME_MS: Final = 60 * 1000
_LENGTH: Final = 43
"""Of 256 bits in base64url."""


class NewTicket(NamedTuple):
    """A ticket that was issued."""

    text: str
    """What the client shows; it is nowhere else."""
    ticket: Ticket


def issue(
    principal: Principal,
    *,
    client_id: str | None,
    targets: Sequence[str] | None,
    store: AccessStore,
    now_ms: int,
) -> NewTicket:
    """Issue a ticket.

    Args:
        principal: who asks.
        client_id: whom it is for; None is who asks.
        targets: patterns of whom the client may push to; None is as who asks may, where that is the
            client itself, and else nobody.
        store: where it is kept.
        now_ms: the caller's clock.

    Raises:
        InvalidClientId, InvalidMessage: no client can be that, or no pattern is like that.
        Forbidden: it is for another client, or for targets that who asks may not push to.
        StoreUnavailable: it was not kept.
    """
    named = check_client_id(client_id or principal.client_id)
    is_own = named == principal.client_id
    if not is_own and Scope.ADMIN not in principal.scopes:
        raise Forbidden("a ticket for another client needs the scope admin")
    if targets is None:
        handed_on = principal.targets if is_own else ()
    else:
        try:
            handed_on = rights.check_patterns(list(targets))
        except ValueError as error:
            raise InvalidMessage(str(error)) from error
        principal.check_patterns(handed_on)
    ticket = Ticket(
        client_id=named,
        targets=handed_on,
        issued_at_ms=now_ms,
        expires_at_ms=now_ms + LIFETIME_MS,
    )
    text = ids.new_secret()
    store.add_ticket(_digest(text), ticket)
    return NewTicket(text, ticket)


def redeem(text: str, *, store: AccessStore, now_ms: int) -> Principal:
    """Return whom a ticket lets in; nobody else gets in by it.

    Raises:
        Unauthorized: it is none, somebody had it, or its minute is over.
        StoreUnavailable: nobody could tell; it may be used up.
    """
    ticket = None
    if len(text) == _LENGTH and text.isascii():
        ticket = store.redeem_ticket(_digest(text), now_ms=now_ms)
    if ticket is None:
        raise Unauthorized("a valid ticket is needed")
    return Principal(
        name=ticket.client_id, targets=ticket.targets, issued_at_ms=ticket.issued_at_ms
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

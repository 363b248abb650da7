"""Find out who asks: in a handshake, and in a request of the push API.

    handshake    `?token=TOKEN`, the second of the subprotocols `cloudpush, TOKEN`, `?ticket=TICKET`
    request      `Authorization: Bearer TOKEN`, or a key in its place

One of them, and once: what is said twice might be read by two readers in two ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush import tickets, tokens
from cloudpush.api_keys import PREFIX
from cloudpush.errors import Forbidden, Unauthorized
from cloudpush.origins import check_origin
from cloudpush.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from cloudpush.access import AccessStore
    from cloudpush.api_keys import ApiKeys
    from cloudpush.ports import SigningKeys
    from cloudpush.revoking import Revocations
    from cloudpush.rights import Principal
    from cloudpush.tokens import TokenRules

_BEARER: Final = "bearer "


def authorize(  # noqa: PLR0913 — what is shown, by whom, and what it is verified with
    shown: Sequence[str],
    client_id: str | None,
    *,
    ticket: str | None = None,
    origin: str | None = None,
    allowed_origins: Collection[str] = (),
    keys: SigningKeys,
    rules: TokenRules,
    access: Callable[[], AccessStore],
    now_ms: int,
) -> Principal:
    """Return who wants to connect.

    A handshake without a client id is let pass: `$connect` has a better answer to it.

    Args:
        shown: every token that the handshake has.
        client_id: as whom it wants to connect.
        ticket: the ticket that it has.
        origin: the header `Origin`.
        allowed_origins: which pages may connect; none is all.
        keys: what tokens are verified with.
        rules: what is asked of a token.
        access: makes the store of the tickets; not called without one.
        now_ms: the caller's clock.

    Raises:
        Unauthorized: there is no token and no ticket, more than one, or none that we trust.
        Forbidden: it is from a page that may not connect, or what is shown is another client's. A
            ticket is used up by that.
        SecretUnavailable, KeysUnavailable: the keys could not be fetched.
        StoreUnavailable: the ticket could not be looked up.
    """
    check_origin(origin, allowed_origins)
    if len(shown) + (ticket is not None) != 1:
        raise Unauthorized("a handshake needs one token, or a ticket")
    if ticket is not None:
        principal = tickets.redeem(ticket, store=access(), now_ms=now_ms)
    else:
        principal = tokens.verify(shown[0], keys=keys, rules=rules, now_ms=now_ms)
    if client_id is not None and client_id != principal.name:
        raise Forbidden("the token is another client's")
    return principal


def tokens_in(token: str | None, subprotocols: Sequence[str]) -> list[str]:
    """Return every token of a handshake: the query's, and the subprotocols beside ours."""
    offered = [each for each in subprotocols if each != SUBPROTOCOL]
    found = [token, *(offered if SUBPROTOCOL in subprotocols else [])]
    return [each for each in found if each]


def identify(
    authorization: str | None,
    *,
    keys: SigningKeys,
    rules: TokenRules,
    api_keys: ApiKeys,
    revocations: Revocations,
    now_ms: int,
) -> Principal:
    """Return who sends a request with this `Authorization` header.

    Raises:
        Unauthorized: it has no token and no key, or none that we trust.
        SecretUnavailable, KeysUnavailable: the keys could not be fetched.
        StoreUnavailable: keys or revocations could not be looked up.
    """
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        raise Unauthorized("a request needs Authorization: Bearer TOKEN_OR_KEY")
    token = authorization[len(_BEARER) :].strip()
    if token.startswith(PREFIX):
        return api_keys.verify(token)
    principal = tokens.verify(token, keys=keys, rules=rules, now_ms=now_ms)
    revocations.check(principal)
    return principal

"""Find out who asks: in a handshake, and in a request of the push API.

    handshake    `?token=TOKEN`, or the second of the subprotocols `cloudpush, TOKEN`
    request      `Authorization: Bearer TOKEN`

One of them, and once: what is said twice might be read by two readers in two ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush import tokens
from cloudpush.errors import Forbidden, Unauthorized
from cloudpush.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.ports import SigningKeys
    from cloudpush.rights import Principal
    from cloudpush.tokens import TokenRules

_BEARER: Final = "bearer "


def authorize(
    shown: Sequence[str],
    client_id: str | None,
    *,
    keys: SigningKeys,
    rules: TokenRules,
    now_ms: int,
) -> Principal:
    """Return who wants to connect.

    A handshake without a client id is let pass: `$connect` has a better answer to it.

    Args:
        shown: every token that the handshake has.
        client_id: as whom it wants to connect.
        keys: what tokens are verified with.
        rules: what is asked of a token.
        now_ms: the caller's clock.

    Raises:
        Unauthorized: there is no token, more than one, or none that we trust.
        Forbidden: it is another client's.
        SecretUnavailable, KeysUnavailable: the keys could not be fetched.
    """
    if len(shown) != 1:
        raise Unauthorized("a handshake needs one token")
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
    authorization: str | None, *, keys: SigningKeys, rules: TokenRules, now_ms: int
) -> Principal:
    """Return who sends a request with this `Authorization` header.

    Raises:
        Unauthorized: it has no token, or none that we trust.
        SecretUnavailable, KeysUnavailable: the keys could not be fetched.
    """
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        raise Unauthorized("a request needs Authorization: Bearer TOKEN")
    token = authorization[len(_BEARER) :].strip()
    return tokens.verify(token, keys=keys, rules=rules, now_ms=now_ms)

"""The authorizer of `$connect`, where `AuthMode` is `jwt`: who is it, and whom may it push to?

401 without a token or a ticket that we trust, 403 where it is another client's. What it answers
travels with every event of the connection, and `message` goes by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import authorizing, boundary, clock, wiring

if TYPE_CHECKING:
    from cloudpush.events import Handshake
    from cloudpush.rights import Principal

wiring.prepare("signing_keys")


@boundary.answers_authorizer
def handler(handshake: Handshake) -> Principal:
    """Return who connects."""
    wired = wiring.current()
    return authorizing.authorize(
        authorizing.tokens_in(handshake.token, handshake.subprotocols),
        handshake.client_id,
        ticket=handshake.ticket,
        origin=handshake.origin,
        allowed_origins=wired.settings.allowed_origins,
        keys=wired.signing_keys,
        rules=wired.settings.token_rules,
        access=lambda: wired.access,
        now_ms=clock.now_ms(),
    )

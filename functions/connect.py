"""`$connect`: admit a client, or refuse the handshake.

400 without `channelId` or with an ill-formed one; 403 where the token was revoked, or the web page
may not connect; 429 where the client connects too often, or holds as many connections as it may:
waiting cures both; 503 and 500 as in `boundary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import admission, boundary, clock, ids, protocol, wiring
from cloudpush.observability import count
from cloudpush.origins import check_origin

if TYPE_CHECKING:
    from cloudpush.events import Handshake

wiring.prepare("store", "access", "deliver_queue")


@boundary.answers_handshake
def handler(handshake: Handshake) -> None:
    """Admit the client that the query names."""
    wired = wiring.current()
    check_origin(handshake.origin, wired.settings.allowed_origins)
    admission.admit(
        handshake.client_id,
        principal=wired.principal_in(handshake.authorizer),
        connection_id=handshake.connection_id,
        session_id=ids.new_session_id(),
        connected_at_ms=handshake.connected_at_ms,
        position=protocol.position_of(handshake.epoch, handshake.seq),
        takes_batches=handshake.takes_batches,
        policy=wired.settings.policy,
        store=wired.store,
        access=wired.access,
        limit=wired.connect_limit,
        jobs=wired.deliver_queue,
        now_ms=clock.now_ms(),
    )
    count("Connections")

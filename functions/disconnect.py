"""`$disconnect`: forget a connection, and nothing of its client's others.

It comes late, twice or never, and may come before the `$connect` of the same connection is done:
what is forgotten is this connection id, which the store remembers as forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, wiring
from cloudpush.observability import count, measure

if TYPE_CHECKING:
    from cloudpush.events import Farewell

wiring.prepare("store")


@boundary.answers_farewell
def handler(farewell: Farewell) -> None:
    """Forget the connection."""
    now_ms = clock.now_ms()
    wiring.current().store.forget(farewell.connection_id, now_ms=now_ms)
    count("Disconnections")
    measure("SessionDuration", max(0, now_ms - farewell.connected_at_ms))

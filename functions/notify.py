"""The notify queue: tell senders how deliveries ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import boundary, clock, notifying, wiring
from cloudpush.observability import tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.events import LambdaContext
    from cloudpush.ports import Received

wiring.prepare("notify_queue", "receiver")


@boundary.performs_batches
async def handler(batch: Sequence[Received], context: LambdaContext) -> list[str]:
    """Tell the receipts of a batch together."""
    wired = wiring.current()
    return await notifying.notify(
        batch,
        receiver=wired.receiver,
        queue=wired.notify_queue,
        clock=clock.now_ms,
        tally=tally(),
    )

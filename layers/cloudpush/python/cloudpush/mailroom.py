"""What everything that keeps messages works with: its ports, and what it counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cloudpush.pacing import PacedManagementApi
from cloudpush.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.delivery import Outlet
    from cloudpush.pacing import Budget
    from cloudpush.ports import FanOutStore, InboxStore, JobQueue, MessageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailroom:
    """The ports that kept messages need."""

    outlet: Outlet
    inboxes: InboxStore
    messages: MessageStore
    fan_outs: FanOutStore
    fan_out_jobs: JobQueue
    """The fan-out queue: what is still to be expanded, or fanned out."""
    new_id: Callable[[], str]
    """Unguessable: names of writers, epochs."""
    notices: JobQueue | None = None
    """The queue of receipts to be told to their sender; None where nobody is told."""
    budget: Budget | None = None
    """Of what nobody waits for; None is not limited."""
    tally: Tally = field(default_factory=Tally)
    """What is counted and measured on the way."""

    def at_a_pace(
        self,
        *,
        clock: Callable[[], int],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> Mailroom:
        """Return a mailroom whose posts keep to the budget: for what nobody waits for."""
        if self.budget is None:
            return self
        gateway = PacedManagementApi(self.outlet.gateway, self.budget, clock=clock, pause=pause)
        return replace(self, outlet=replace(self.outlet, gateway=gateway))

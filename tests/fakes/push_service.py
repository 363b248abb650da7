"""What tests of the push service stand on: a clock that they drive, and plain nouns."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from cloudpush import accepting, fanout, performing
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import (
    CONNECTION_LIFETIME_MS,
    Connection,
    FanOut,
    Policy,
    Publication,
    Trigger,
)
from cloudpush.stores.memory_access import MemoryAccessStore
from cloudpush.stores.memory_fan_outs import MemoryFanOutStore
from cloudpush.stores.memory_inbox import MemoryInboxStore
from cloudpush.stores.memory_messages import (
    MemoryIdempotencyStore,
    MemoryMessageStore,
    MemoryStatisticsStore,
)
from cloudpush.stores.memory_rates import MemoryRateStore
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.management import RecordingManagementApi
from tests.fakes.receivers import RecordingNoticeQueue, RecordingReceiver
from tests.fakes.stores import FaultyConnectionStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudpush.model import Job
    from cloudpush.ports import Outcome

NOON_MS = 1_700_000_000_000
"""When tests begin."""


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """Return what it shows."""
        return self.now_ms

    def advance(self, *, ms: int) -> None:
        """Go on."""
        self.now_ms += ms


def a_connection(
    client_id: str = "alice",
    connection_id: str | None = None,
    *,
    connected_at_ms: int = NOON_MS,
    is_open: bool = False,
) -> Connection:
    """Return a connection of this client; its id follows from the client's unless it is given."""
    return Connection(
        connection_id=connection_id or f"{client_id}-1",
        client_id=client_id,
        session_id=f"{client_id[:32]:0>32}",
        connected_at_ms=connected_at_ms,
        expires_at_ms=connected_at_ms + CONNECTION_LIFETIME_MS,
        last_seen_ms=connected_at_ms,
        is_open=is_open,
    )


def a_publication(msg: dict[str, Any] | None = None) -> Publication:
    """Return a publication by HTTP."""
    return Publication(
        message_id="0123456789abcdef0123456789abcdef",
        trigger=Trigger.HTTP,
        sender="system",
        msg={"k": "v"} if msg is None else msg,
        request_id="request-1",
        accepted_at_ms=NOON_MS,
    )


class Stage:
    """The ports as fakes, and clients that are connected."""

    def __init__(
        self,
        outcomes: Mapping[str, Sequence[Outcome]] | None = None,
        *,
        deletions: Mapping[str, Sequence[Outcome]] | None = None,
        inboxes: MemoryInboxStore | None = None,
        tells_receipts: bool = False,
    ) -> None:
        self.clock = ManualClock()
        self.store = FaultyConnectionStore()
        self.jobs = RecordingJobQueue()
        self.fan_outs = RecordingJobQueue()
        self.notices = RecordingNoticeQueue()
        self.receiver = RecordingReceiver()
        self.gateway = RecordingManagementApi(outcomes, deletions=deletions)
        self.outlet = Outlet(store=self.store, jobs=self.jobs, gateway=self.gateway)
        self.inboxes = inboxes or MemoryInboxStore()
        self.messages = MemoryMessageStore()
        self.progress = MemoryFanOutStore()
        self.repeats = MemoryIdempotencyStore()
        self.statistics = MemoryStatisticsStore()
        self.access = MemoryAccessStore()
        self.rates = MemoryRateStore()
        names = (f"id-{number}" for number in itertools.count(1))
        self.mailroom = Mailroom(
            outlet=self.outlet,
            inboxes=self.inboxes,
            messages=self.messages,
            fan_outs=self.progress,
            fan_out_jobs=self.fan_outs,
            new_id=names.__next__,
            notices=self.notices if tells_receipts else None,
        )
        self.pauses: list[float] = []

    async def pause(self, seconds: float) -> None:
        """Let time pass without waiting for it."""
        self.pauses.append(seconds)
        self.clock.advance(ms=round(seconds * 1000))

    def admit(self, connection: Connection, policy: Policy = Policy.MULTI) -> Connection:
        """Store a connection; returns it as it is stored now."""
        self.store.admit(connection, policy=policy, now_ms=self.clock())
        self.store.calls.clear()
        return connection

    def connect(
        self,
        client_id: str,
        connection_id: str | None = None,
        *,
        seconds_ago: int = 60,
        is_open: bool = True,
    ) -> Connection:
        """Store a connection that was made so long ago, and has been open since."""
        connected_at_ms = self.clock() - seconds_ago * 1000
        connection = a_connection(client_id, connection_id, connected_at_ms=connected_at_ms)
        self.store.admit(connection, policy=Policy.MULTI, now_ms=connected_at_ms)
        if is_open:
            self.store.confirm(connection.connection_id, now_ms=connected_at_ms)
        self.store.calls.clear()
        stored = self.find(connection.connection_id)
        assert stored is not None
        return stored

    def accept_for_all(self, msg: dict[str, Any] | None = None) -> FanOut:
        """Store a publication to all, and return the job that its fan-out begins with."""
        message = accepting.new_message(a_publication(msg), None, qos=0)
        self.messages.create(message, look_at_ms=self.clock(), now_ms=self.clock())
        return FanOut(message_id=message.message_id, doublings=fanout.DOUBLINGS)

    async def perform(self, job: Job, *, mailroom: Mailroom) -> None:
        """Do a job as the function that gets it does, with plenty of time left."""
        if isinstance(job, FanOut):
            await fanout.perform(
                job,
                mailroom=mailroom,
                clock=self.clock,
                remaining_ms=lambda: 60_000,
                report=lambda _: None,
                pause=self.pause,
            )
        else:
            await performing.perform(job, mailroom=mailroom, clock=self.clock, pause=self.pause)

    def find(self, connection_id: str) -> Connection | None:
        """Return a connection as the store has it, past every fault."""
        with_calls, self.store.calls = self.store.calls, []
        down, self.store.down = self.store.down, set()
        found = self.store.get(connection_id, now_ms=self.clock())
        self.store.calls, self.store.down = with_calls, down
        return found

    @property
    def posted_to(self) -> list[str]:
        """The connections that were posted to, in order."""
        return [each.connection_id for each in self.gateway.posts]

"""Rules of inboxes, each as a scenario in which breaking it shows; and, broken, that it does.

Every scenario is played on every store: as it is, when nothing may be wrong, and behind a mutant
that breaks the rule, when something has to be.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from cloudpush import accepting, inbox
from cloudpush.delivery import Outlet
from cloudpush.mailroom import Mailroom
from cloudpush.model import (
    Copy,
    Inbox,
    Policy,
    Publication,
    ReceiptState,
    Trigger,
)
from cloudpush.ports import Claim, Copies, Grant, Outgoing
from tests.contract.connection_stores import T0
from tests.contract.test_connection_store_interleavings import IN_ORDER, play
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.management import RecordingManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cloudpush.ports import InboxStore
    from tests.contract.connection_stores import Empty, Harness
    from tests.contract.kept_stores import Kept

LEASE_MS = 10_000
TTL_MS = 5000


class Mutant:
    """A store behind which every method is the real one, save those that a subclass breaks."""

    def __init__(self, store: Any) -> None:  # noqa: ANN401 — a port
        self.store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
        return getattr(self.store, name)


class Stage:
    """A client's inbox, with the names of its messages."""

    def __init__(self, harness: Harness, kept: Kept, inboxes: InboxStore) -> None:
        self.inboxes = inboxes
        self.messages = kept.messages
        self.mailroom = Mailroom(
            outlet=Outlet(
                store=harness.store, jobs=RecordingJobQueue(), gateway=RecordingManagementApi()
            ),
            inboxes=inboxes,
            messages=kept.messages,
            fan_outs=kept.fan_outs,
            fan_out_jobs=RecordingJobQueue(),
            new_id=lambda: "epoch",
        )

    def put(self, client_id: str, name: str, *, size: int = 0) -> None:
        publication = Publication(
            message_id=name,
            trigger=Trigger.HTTP,
            sender="s",
            msg={"text": "x" * size},
            accepted_at_ms=T0,
        )
        message = accepting.new_message(publication, [client_id], ttl_ms=TTL_MS)
        self.messages.create(message, look_at_ms=T0, now_ms=T0)
        inbox.put(message, [client_id], mailroom=self.mailroom, now_ms=T0)

    def claim(self, client_id: str, *, owner: str = "writer", now_ms: int = T0) -> Claim:
        [claim] = self.inboxes.claim([client_id], owner=owner, lease_ms=LEASE_MS, now_ms=now_ms)
        return claim

    def row(self, client_id: str) -> Inbox:
        row = self.inboxes.get(client_id, now_ms=T0)
        assert row is not None
        return row

    def state(self, client_id: str, name: str) -> ReceiptState:
        page = self.messages.read_receipts(name, now_ms=T0)
        return next(each.state for each in page.receipts if each.client_id == client_id)


ORDERS = [
    order
    for order in itertools.permutations(["claims", "parks", "opens", "drains"])
    if order.index("claims") < order.index("parks")
    if order.index("opens") < order.index("drains")
]


def waits_for_nobody(stage: Stage) -> Iterator[str]:
    """A writer that found nobody open parks, while a connection opens and drains, in any order.

    Whatever the order, somebody looks after what waits in the end.
    """
    for number, order in enumerate(ORDERS):
        who = f"client-{number}"
        stage.put(who, f"m-{number}")
        fence = 0
        for event in order:
            match event:
                case "claims":
                    fence = _fence_of(stage.claim(who))
                case "parks":
                    if not stage.inboxes.park(who, owner="writer", fence=fence, now_ms=T0):
                        stage.claim(who)
                case "opens":
                    stage.inboxes.open(who, epoch="epoch", now_ms=T0)
                case _:
                    if stage.claim(who, owner="opener").grant is Grant.HELD:
                        stage.inboxes.open(who, epoch="epoch", now_ms=T0)
        if not stage.row(who).resend_at_ms:
            yield f"nobody looks after {who}: {order}"


def _fence_of(claim: Claim) -> int:
    assert claim.inbox is not None
    return claim.inbox.fence


def is_delivered_unsent(stage: Stage) -> Iterator[str]:
    """A client acknowledges more than it can have."""
    stage.put("alice", "first")
    stage.claim("alice")
    stage.put("alice", "second")

    inbox.acknowledge("alice", through_seq=2, mailroom=stage.mailroom, now_ms=T0)

    if stage.state("alice", "first") is not ReceiptState.DELIVERED:
        yield "what was sent and acknowledged is not delivered"
    if stage.state("alice", "second") is ReceiptState.DELIVERED:
        yield "what was never sent is delivered"


def expires_before_its_time(stage: Stage) -> Iterator[str]:
    """Somebody looks a millisecond before a message's time is over, and when it is."""
    stage.put("alice", "first")

    inbox.expire("alice", mailroom=stage.mailroom, now_ms=T0 + TTL_MS - 1)
    if stage.state("alice", "first") is ReceiptState.EXPIRED:
        yield "it expired too early"
    inbox.expire("alice", mailroom=stage.mailroom, now_ms=T0 + TTL_MS)
    if stage.state("alice", "first") is not ReceiptState.EXPIRED:
        yield "it did not expire"


def outgrows_its_window(stage: Stage) -> Iterator[str]:
    """More waits than a window holds: 256 KB."""
    for name in ("first", "second", "third"):
        stage.put("alice", name, size=100_000)

    claim = stage.claim("alice")

    if len(claim.outgoing) != 2:
        yield f"{len(claim.outgoing)} are in flight"


class ParksAtAnyFence(Mutant):
    """Ends whichever run there is, also one that began for a connection that came meanwhile."""

    def park(self, client_id: str, *, owner: str, fence: int, now_ms: int) -> bool:
        row = self.store.get(client_id, now_ms=now_ms)
        del fence
        return self.store.park(client_id, owner=owner, fence=row.fence, now_ms=now_ms)


class TakesAnyAcknowledgement(Mutant):
    """Believes a client that has what nobody sent."""

    def read_sent(
        self,
        client_id: str,
        *,
        through_seq: int | None = None,
        message_ids: Sequence[str] = (),
        limit: int = 500,
        now_ms: int,
    ) -> Copies:
        found = self.store.read_entries(client_id, limit=limit, now_ms=now_ms)
        return Copies(
            epoch=self.store.get(client_id, now_ms=now_ms).epoch,
            copies=tuple(
                Copy(
                    seq=each.seq,
                    message_id=each.publication.message_id,
                    is_tracked=each.is_tracked,
                )
                for each in found
                if each.seq <= (through_seq or 0) or each.publication.message_id in message_ids
            ),
        )


class ExpiresEarly(Mutant):
    """Goes by a clock that is a millisecond ahead."""

    def read_expired(self, client_id: str, *, limit: int = 500, now_ms: int) -> Copies:
        return self.store.read_expired(client_id, limit=limit, now_ms=now_ms + 1)


class HasNoWindow(Mutant):
    """Forgets what is in flight, and hands out on and on."""

    def claim(
        self, client_ids: Sequence[str], *, owner: str, lease_ms: int, now_ms: int
    ) -> Sequence[Claim]:
        claims: list[Claim] = []
        for client_id in client_ids:
            options = {"owner": owner, "lease_ms": lease_ms, "now_ms": now_ms}
            [claim] = self.store.claim([client_id], **options)
            entries = self.store.read_entries(client_id, limit=1000, now_ms=now_ms)
            claims.append(_with_all(claim, entries))
        return claims


class ForgetsByClientId(Mutant):
    """Forgets a client's connections, whichever of them closed."""

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        closed = self.store.get(connection_id, now_ms=now_ms)
        if closed is None:
            return False
        found = self.store.resolve([closed.client_id], now_ms=now_ms)
        for each in found.get(closed.client_id, ()):
            self.store.forget(each.connection_id, now_ms=now_ms)
        return True


def _with_all(claim: Claim, entries: Sequence[Any]) -> Claim:
    outgoing = tuple(Outgoing(entry=each, after=None) for each in entries)
    return msgspec.structs.replace(claim, outgoing=outgoing)


RULES: list[Any] = [
    pytest.param(waits_for_nobody, ParksAtAnyFence, id="the fence"),
    pytest.param(is_delivered_unsent, TakesAnyAcknowledgement, id="no more than was sent"),
    pytest.param(expires_before_its_time, ExpiresEarly, id="the lifetime"),
    pytest.param(outgrows_its_window, HasNoWindow, id="the window"),
]


@pytest.mark.parametrize(("scenario", "mutant"), RULES)
def test_every_store_keeps_the_rule(
    harness: Harness,
    kept: Kept,
    scenario: Callable[[Stage], Iterator[str]],
    mutant: Callable[[InboxStore], Any],
) -> None:
    del mutant

    assert [*scenario(Stage(harness, kept, kept.inboxes))] == []


@pytest.mark.parametrize(("scenario", "mutant"), RULES)
def test_the_scenario_catches_a_store_that_breaks_it(
    harness: Harness,
    kept: Kept,
    scenario: Callable[[Stage], Iterator[str]],
    mutant: Callable[[InboxStore], Any],
) -> None:
    assert [*scenario(Stage(harness, kept, mutant(kept.inboxes)))] != []


def test_the_interleavings_catch_a_store_that_forgets_by_client_id(empty: Empty) -> None:
    def mutant() -> Any:  # noqa: ANN401 — a port
        return ForgetsByClientId(empty().store)

    reachable = [play(mutant(), order, policy=Policy.MULTI) for order in IN_ORDER]

    assert reachable.count(["B"]) == 3
    assert reachable.count([]) == 12

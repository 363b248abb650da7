"""Serve a page of a fan-out: whom it goes to, and how it comes to them.

to all                          to a list
a shard     a 256th of all                  a hundred clients of it
qos 0       connections, read and posted    clients, resolved and posted
qos 1       clients with an inbox           clients
put into inboxes, and sent from there
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import delivery, draining, inbox
from cloudpush.model import TARGETS_PER_SHARD, Connection, Posted
from cloudpush.outcomes import Report
from cloudpush.protocol import is_client_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Message, Place

POST_SECONDS: Final = 5.0
"""How long the posts of a page may take: with the bookkeeping, well below a worker's lease."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One bounded read of a shard."""

    clients: Sequence[str] = ()
    """Who is served; empty for a fan-out of QoS 0 to all, which knows connections alone."""
    connections: Sequence[Connection] = ()
    """Whom to post to, with QoS 0."""
    cursor: str | None = None
    """Where the shard goes on; None at its end."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a page."""

    posted: Posted
    report: Report


def read(
    message: Message, places: Sequence[Place], *, limit: int, mailroom: Mailroom, now_ms: int
) -> Sequence[Leg]:
    """Read on in each of these shards, at most so many clients or connections of each.

    A client of a list has all of its connections in one page, however many these are.

    Raises:
        StoreUnavailable: nothing was read.
    """
    if message.clients is not None:
        legs = [_slice(message.clients, each, limit) for each in places]
        return legs if message.qos else _resolve(legs, mailroom, now_ms)
    if message.qos:
        inboxes = mailroom.inboxes.read_shards(places, limit=limit, now_ms=now_ms)
        return [Leg(clients=page.client_ids, cursor=page.cursor) for page in inboxes]
    pages = mailroom.outlet.store.read_shards(places, limit=limit, now_ms=now_ms)
    return [Leg(connections=page.connections, cursor=page.cursor) for page in pages]


def expected_posts(message: Message, legs: Sequence[Leg]) -> int:
    """Return how many posts a page will make, if each client of QoS 1 has one connection."""
    return sum(len(each.clients if message.qos else each.connections) for each in legs)


async def serve(
    message: Message, legs: Sequence[Leg], *, mailroom: Mailroom, clock: Callable[[], int]
) -> Served:
    """Bring a page to whom it is for. A repeat posts again with QoS 0, and not with QoS 1.

    Raises:
        StoreUnavailable, QueueUnavailable: it has to be done again.
    """
    clients = [each for leg in legs for each in leg.clients]
    if message.qos:
        untracked = inbox.put(message, clients, mailroom=mailroom, now_ms=clock())
        report, _ = await draining.send(clients, mailroom=mailroom, clock=clock)
        return Served(posted=Posted(untracked=untracked), report=report)
    report = await delivery.deliver(
        message.publication,
        [each for leg in legs for each in leg.connections],
        is_fanned_out=True,
        outlet=mailroom.outlet,
        budget=mailroom.budget,
        clock=clock,
        deadline_seconds=POST_SECONDS,
    )
    posted = _count_connections(report) if message.clients is None else _count(clients, report)
    return Served(posted=posted, report=report)


def _slice(clients: Sequence[str], place: Place, limit: int) -> Leg:
    first, behind = (TARGETS_PER_SHARD * each for each in (place.shard, place.shard + 1))
    start = first + int(place.cursor or 0)
    end = min(start + limit, behind, len(clients))
    is_last = end >= min(behind, len(clients))
    return Leg(clients=clients[start:end], cursor=None if is_last else str(end - first))


def _resolve(legs: Sequence[Leg], mailroom: Mailroom, now_ms: int) -> Sequence[Leg]:
    """Find the connections of all of these clients, in one request."""
    valid = [each for leg in legs for each in leg.clients if is_client_id(each)]
    found = mailroom.outlet.store.resolve(valid, now_ms=now_ms)
    return [
        msgspec.structs.replace(
            leg, connections=[each for client in leg.clients for each in found.get(client, ())]
        )
        for leg in legs
    ]


def _count_connections(report: Report) -> Posted:
    return Posted(
        sent=len(report.sent),
        waiting=len(report.waiting),
        gone=len(report.gone),
        dropped=len(report.dropped),
    )


def _count(clients: Sequence[str], report: Report) -> Posted:
    """Count each client once, by the best that became of its connections."""
    sent = {each.client_id for each in report.sent}
    waiting = {each.client_id for each in report.waiting} - sent
    dropped = {each.client_id for each, _ in report.dropped} - sent - waiting
    reached = len(sent) + len(waiting) + len(dropped)
    return Posted(
        sent=len(sent), waiting=len(waiting), gone=len(clients) - reached, dropped=len(dropped)
    )

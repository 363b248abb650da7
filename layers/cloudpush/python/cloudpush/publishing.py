"""Accept a publication, and see it on its way: what a sender asks for, by HTTP or by WebSocket.

A sender waits for its answer, so what it waits for is bounded: one look at the store for all
targets, and posts to the first hundred connections. All beyond is jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import delivery
from cloudpush.delivery import Report
from cloudpush.errors import GatewayRefused, NoTarget, TooManyTargets
from cloudpush.model import Delivery
from cloudpush.ports import Outcome
from cloudpush.protocol import UnaddressedEnvelope, is_client_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.delivery import Outlet
    from cloudpush.model import Publication

MAX_TARGETS: Final = 1000
"""Client ids in one request, counted before duplicates are dropped."""

MAX_DIRECT: Final = 100
"""Connections that are posted to while the sender waits."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a publication by the time its sender is answered."""

    missing: list[str]
    """The targets without a connection, in the sender's order, each once."""
    report: Report
    """Of the posts that were made at once."""


async def publish(
    publication: Publication,
    client_ids: Sequence[str],
    *,
    outlet: Outlet,
    clock: Callable[[], int],
) -> Published:
    """Publish to these clients, on every connection that each holds.

    An id that no client can have is missing like any other without a connection: one bad target
    never costs the others theirs.

    Raises:
        NoTarget: there are none.
        TooManyTargets: there are more than `MAX_TARGETS`.
        PayloadTooLarge: the envelope for the longest of these ids is too large.
        GatewayRefused: the gateway refuses the service, for every post that was made.
        StoreUnavailable, QueueUnavailable: nothing was posted.
    """
    targets = check_targets(client_ids)
    valid = [target for target in targets if is_client_id(target)]
    UnaddressedEnvelope(publication).check_size(max(map(len, valid), default=0))
    found = outlet.store.resolve(valid, now_ms=clock())
    connections = [each for target in valid for each in found.get(target, ())]
    direct, rest = connections[:MAX_DIRECT], connections[MAX_DIRECT:]
    # Jobs first: if the queue fails, nobody has got anything yet, and the sender tries again.
    if rest:
        outlet.jobs.send(
            [
                Delivery(publication=publication, connections=chunk)
                for chunk in delivery.in_chunks(rest)
            ]
        )
    report = delivery.Report()
    if direct:
        report = await delivery.deliver(publication, direct, outlet=outlet, clock=clock)
    _check_refusal(report, len(direct))
    kept = [each for each in connections if each not in report.gone] if report.gone else connections
    reached = {each.client_id for each in kept}
    return Published(missing=[each for each in targets if each not in reached], report=report)


def check_targets(client_ids: Sequence[str]) -> list[str]:
    """Return the targets of a request, each once.

    Raises:
        NoTarget, TooManyTargets: as in `publish`.
    """
    if len(client_ids) > MAX_TARGETS:
        raise TooManyTargets(f"{len(client_ids)} targets; {MAX_TARGETS} are allowed, or all")
    if not client_ids:
        raise NoTarget("there is no target")
    return list(dict.fromkeys(client_ids))


def _check_refusal(report: Report, posted: int) -> None:
    refused = sum(outcome is Outcome.REFUSED for _, outcome in report.dropped)
    if posted and refused == posted:
        raise GatewayRefused(f"the management API refused {refused} posts")

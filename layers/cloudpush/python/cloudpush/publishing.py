"""Publish to some clients at once: what a sender asks for most often, by HTTP or by WebSocket.

A sender waits for its answer, so what it waits for is bounded: one look at the store for all
targets, and posts to a hundred connections. Where there are more, the publication is kept, and is
fanned out as one to all is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush import accepting, delivery
from cloudpush.errors import GatewayRefused
from cloudpush.outcomes import Report
from cloudpush.ports import Outcome
from cloudpush.protocol import CLIENT_ID_LENGTH, UnaddressedEnvelope, is_client_id
from cloudpush.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Publication

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
    mailroom: Mailroom,
    clock: Callable[[], int],
) -> Published:
    """Publish to these clients, on every connection that each holds.

    An id that no client can have is missing like any other without a connection: one bad target
    never costs the others theirs.

    Raises:
        NoTarget, TooManyTargets: as of `targets.check_targets`.
        PayloadTooLarge: the envelope for the longest of these ids is too large.
        GatewayRefused: the gateway refuses the service, for every post that was made.
        StoreUnavailable: nothing was posted.
        QueueUnavailable: perhaps it was accepted. The same call with the same message id posts to
            nobody twice where there are more than `MAX_DIRECT` connections.
    """
    targets = check_targets(client_ids)
    valid = [target for target in targets if is_client_id(target)]
    UnaddressedEnvelope(publication).check_size(max(map(len, valid), default=0))
    found = mailroom.outlet.store.resolve(valid, now_ms=clock())
    connections = [each for target in valid for each in found.get(target, ())]
    report = Report()
    if len(connections) > MAX_DIRECT:
        storable = [each for each in targets if len(each) <= CLIENT_ID_LENGTH]
        message = accepting.new_message(publication, storable, qos=0)
        await accepting.accept(message, mailroom=mailroom, clock=clock)
    elif connections:
        report = await delivery.deliver(
            publication, connections, outlet=mailroom.outlet, clock=clock
        )
        _check_refusal(report, len(connections))
    kept = [each for each in connections if each not in report.gone] if report.gone else connections
    reached = {each.client_id for each in kept}
    return Published(missing=[each for each in targets if each not in reached], report=report)


def _check_refusal(report: Report, posted: int) -> None:
    refused = sum(outcome is Outcome.REFUSED for _, outcome in report.dropped)
    if posted and refused == posted:
        raise GatewayRefused(f"the management API refused {refused} posts")

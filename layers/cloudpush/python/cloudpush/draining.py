"""Send what waits for clients: side by side, and one writer at a time for each.

    claim ──► post ──► «sent» ──► claim … until nothing is left to send

Each client goes at its own pace, and keeps no other one waiting. What several of them need of the
store in the same turn of the event loop is one request, and the jobs that look at their inboxes
again are one job for all those that are due together.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudpush import delivery, inbox, protocol
from cloudpush.model import Receipt, ReceiptState
from cloudpush.outcomes import Report, judge
from cloudpush.ports import Grant, Outcome, Post
from cloudpush.protocol import CloseCode, is_client_id
from cloudpush.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloudpush.mailroom import Mailroom
    from cloudpush.model import Connection
    from cloudpush.ports import Claim, Outgoing, Recorded

LEASE_MS: Final = 15_000
"""How long a writer has an inbox to itself without claiming again: longer than its posts take."""

POST_SECONDS: Final = 5.0
"""How long the posts of one claim may take."""

PATIENCE_MS: Final = 8_000
"""After so long a writer hands what is left to a job."""

GATHER_SECONDS: Final = 1.0
"""So long the jobs that look again are gathered, while some of the clients are still at it."""


async def send(
    client_ids: Sequence[str], *, mailroom: Mailroom, clock: Callable[[], int]
) -> tuple[Report, list[str]]:
    """Send what waits for these clients, side by side; return those that have no connection too.

    For them nothing is done: whoever connects later begins with what waits.
    """
    valid = [each for each in client_ids if is_client_id(each)]
    found = mailroom.outlet.store.resolve(valid, now_ms=clock())
    reached = {each: _opened(found[each]) for each in found}
    writer = _Writer(mailroom, clock)
    report = await writer.drain({each: here for each, here in reached.items() if here})
    return report, [each for each in valid if not reached.get(each)]


async def drain(
    client_ids: Sequence[str],
    *,
    mailroom: Mailroom,
    clock: Callable[[], int],
    has_new_run: bool = False,
) -> Report:
    """Settle what has expired and send what is due, of those inboxes that no other writer is at.

    Args:
        client_ids: whose inboxes.
        mailroom: the ports.
        clock: milliseconds since the epoch.
        has_new_run: whether the caller just opened a connection. If the lease is held then, its
            holder may know the connection as pending, and be about to park:

                holder   claims ──────── finds nobody open ──── parks: not at this fence, claims
                opener            opens               open again

            So the run begins once more, and a job looks again when the lease runs out, because
            the holder may have died.

    Raises:
        StoreUnavailable, QueueUnavailable: of one or more of them; the others were drained.
    """
    writer = _Writer(mailroom, clock)
    return await writer.drain(dict.fromkeys(client_ids), has_new_run=has_new_run)


@dataclass(frozen=True, slots=True)
class _Posted:
    report: Report
    is_over: bool
    """Whether the writer has let go of the lease."""
    is_parked: bool = False


class _Writer:
    """The writer of many inboxes, of each under the same name."""

    def __init__(self, mailroom: Mailroom, clock: Callable[[], int]) -> None:
        self._mailroom = mailroom
        self._clock = clock
        self._owner = mailroom.new_id()
        self._looks: dict[str, int] = {}
        """When an inbox wants to be looked at again, by client."""
        self._claims = Together(self._claim_all)
        self._records = Together(self._record_all)
        self._resolutions = Together(self._resolve_all)

    async def drain(
        self, clients: Mapping[str, Sequence[Connection] | None], *, has_new_run: bool = False
    ) -> Report:
        """Drain these inboxes; the connections are given where they were just read."""
        tasks = [
            asyncio.create_task(self._drain(each, connections, has_new_run=has_new_run))
            for each, connections in clients.items()
        ]
        pending = set(tasks)
        try:
            while pending:
                _, pending = await asyncio.wait(pending, timeout=GATHER_SECONDS)
                self._look_again()
        finally:  # who fails does not keep the others from what they are at
            await asyncio.gather(*tasks, return_exceptions=True)
        report = Report()
        for task in tasks:
            report += task.result()
        return report

    async def _drain(
        self, client_id: str, connections: Sequence[Connection] | None, *, has_new_run: bool
    ) -> Report:
        report = Report()
        patience_ends_ms = self._clock() + PATIENCE_MS
        while True:
            claim = await self._claims.ask(client_id)
            if claim.inbox is None:
                return report
            now_ms = self._clock()
            has_expired = claim.inbox.has_expired(now_ms) and bool(
                inbox.expire(client_id, mailroom=self._mailroom, now_ms=now_ms)
            )
            if claim.grant is Grant.HELD and has_new_run:
                has_new_run = False
                self._mailroom.inboxes.open(client_id, epoch=claim.inbox.epoch, now_ms=now_ms)
                self._looks[client_id] = claim.inbox.owned_until_ms
                continue
            if claim.grant is Grant.HELD:
                return report
            is_over, is_parked = claim.grant is Grant.IDLE and not has_expired, False
            if claim.grant is Grant.EXHAUSTED:
                report += await self._close(claim)
            elif claim.grant is Grant.ENTRIES:
                self._measure(claim, now_ms)
                connections = connections or await self._resolutions.ask(client_id)
                posted = await self._post(claim, connections)
                report += posted.report
                is_over, is_parked = posted.is_over, posted.is_parked
                connections = None
            if claim.timer_delay_ms is not None and not is_parked:
                self._looks[client_id] = now_ms + claim.timer_delay_ms
            if is_over:
                return report
            if self._clock() > patience_ends_ms:
                self._release(client_id)
                self._looks[client_id] = self._clock()
                return report

    async def _post(self, claim: Claim, connections: Sequence[Connection]) -> _Posted:
        """Post what a claim granted.

        Frame by frame: a connection that did not take one gets none of those behind it. What it
        misses comes with the resend, in order.
        """
        row = claim.inbox
        assert row is not None  # noqa: S101 — a claim that grants entries has a row
        outcomes = await self._post_frames(claim.outgoing, row.epoch, connections)
        report = judge(connections, outcomes, store=self._mailroom.outlet.store, clock=self._clock)
        tracked = [each.entry for each in claim.outgoing if each.entry.is_tracked]
        if tracked and Outcome.SENT in outcomes:
            recorded = await self._records.ask(
                [
                    Receipt(
                        message_id=each.publication.message_id,
                        client_id=row.client_id,
                        state=ReceiptState.SENT,
                        at_ms=self._clock(),
                    )
                    for each in tracked
                ]
            )
            first_sends = sum(each is not None and each.is_news for each in recorded)
            self._mailroom.tally.count("FirstSends", first_sends)
            self._mailroom.tally.count("Resends", len(recorded) - first_sends)
        if len(report.gone) == len(connections):
            # False if a connection came meanwhile: then go on, for it.
            is_parked = self._park(row.client_id, row.fence)
            return _Posted(report, is_parked, is_parked)
        if report.waiting or report.dropped:
            is_unsent = all(each is Outcome.DEFERRED for each in outcomes)
            self._release(row.client_id, is_unsent=is_unsent)
            return _Posted(report, is_over=True)
        return _Posted(report, is_over=False)

    async def _post_frames(
        self, outgoing: Sequence[Outgoing], epoch: str, connections: Sequence[Connection]
    ) -> Sequence[Outcome]:
        """Post to every connection, side by side; return what it came to for each.

        `DEFERRED` is one to which nothing was posted.
        """

        async def post_to(connection: Connection) -> Outcome:
            envelopes = [
                protocol.encode_entry(connection, each.entry, epoch=epoch, after=each.after)
                for each in outgoing
            ]
            frames = protocol.join_into_frames(envelopes, takes_batches=connection.takes_batches)
            for number, frame in enumerate(frames):
                [outcome] = await self._mailroom.outlet.gateway.post_to_connections(
                    [Post(connection.connection_id, frame)], deadline_seconds=POST_SECONDS
                )
                if outcome is Outcome.SENT and self._clock() <= ends_ms:
                    continue
                is_cut = outcome is Outcome.SENT or (outcome is Outcome.DEFERRED and number > 0)
                return Outcome.UNAVAILABLE if is_cut else outcome
            return Outcome.SENT

        ends_ms = self._clock() + round(POST_SECONDS * 1000)
        return await asyncio.gather(*(post_to(each) for each in connections))

    async def _close(self, claim: Claim) -> Report:
        """Close the connections of a client that acknowledges nothing, and let the inbox wait."""
        row = claim.inbox
        assert row is not None  # noqa: S101 — an inbox that is exhausted has a row
        report = await delivery.close(
            await self._resolutions.ask(row.client_id),
            CloseCode.UNACKNOWLEDGED,
            outlet=self._mailroom.outlet,
            clock=self._clock,
        )
        self._park(row.client_id, row.fence)
        return report

    def _claim_all(self, client_ids: Sequence[str]) -> Sequence[Claim]:
        return self._mailroom.inboxes.claim(
            client_ids, owner=self._owner, lease_ms=LEASE_MS, now_ms=self._clock()
        )

    def _record_all(
        self, receipts: Sequence[Sequence[Receipt]]
    ) -> Sequence[Sequence[Recorded | None]]:
        every = [each for some in receipts for each in some]
        recorded = iter(self._mailroom.messages.record(every, now_ms=self._clock()))
        return [[next(recorded) for _ in some] for some in receipts]

    def _resolve_all(self, client_ids: Sequence[str]) -> Sequence[Sequence[Connection]]:
        found = self._mailroom.outlet.store.resolve(client_ids, now_ms=self._clock())
        return [_opened(found.get(each, ())) for each in client_ids]

    def _park(self, client_id: str, fence: int) -> bool:
        return self._mailroom.inboxes.park(
            client_id, owner=self._owner, fence=fence, now_ms=self._clock()
        )

    def _release(self, client_id: str, *, is_unsent: bool = False) -> None:
        self._mailroom.inboxes.release(
            client_id, owner=self._owner, is_unsent=is_unsent, now_ms=self._clock()
        )

    def _look_again(self) -> None:
        """Have jobs look at inboxes again when they want it, in whole seconds and not before."""
        looks, self._looks = self._looks, {}
        now_ms = self._clock()
        by_delay: defaultdict[int, list[str]] = defaultdict(list)
        for client_id, at_ms in looks.items():
            by_delay[max(0, -(-(at_ms - now_ms) // 1000))].append(client_id)
        for delay_seconds, client_ids in by_delay.items():
            delivery.look_again(
                client_ids, jobs=self._mailroom.outlet.jobs, delay_seconds=delay_seconds
            )

    def _measure(self, claim: Claim, now_ms: int) -> None:
        assert claim.inbox is not None  # noqa: S101 — as in `_post`
        self._mailroom.tally.measure("InboxDepth", claim.inbox.depth)
        first = claim.outgoing[0].entry.publication
        self._mailroom.tally.measure("InboxAge", max(0, now_ms - first.accepted_at_ms))


def _opened(connections: Sequence[Connection]) -> list[Connection]:
    """Leave out those that are to get CONNECTION yet: what waits for them comes behind it."""
    return [each for each in connections if each.is_open]

"""What a change makes of an inbox's row: the rules of `ports.InboxStore`, without storage.

For the stores that read a row, change it and write it back if nobody else did: `memory_inbox` and
`dynamodb_inbox`. `redis_inbox` has the same rules in Lua, and the contract holds all to one.

    event            cursor       in flight    attempt      resend_at_ms         fence
    append           stays        stays        stays        stays                stays
    open             settled      0            0            now, if depth > 0    + 1
    claim            + granted    + granted    stays        set, if it was 0     + 1 if a new run
      resend is due  settled      0            + 1          the next wait        + 1
      lease ran out  settled      0            stays        stays                + 1
    settle           at least     - dropped    0            first wait, or 0     stays
      no progress    settled      - dropped    stays        stays, or 0          stays
    release          stays        stays        stays        stays                stays
      unsent         stays        stays        - 1, or 0    stays                stays
    park             settled      0            0            0                    + 1
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from cloudpush.model import (
    INBOX_BYTES,
    INBOX_DEPTH,
    INBOX_LIFETIME_MS,
    WINDOW_BYTES,
    WINDOW_MESSAGES,
    Entry,
    Inbox,
)
from cloudpush.ports import Append, Claim, Grant, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Read: TypeAlias = Callable[[int, int], Sequence[Entry]]
    # Returns at most so many (the second) retained entries after a seq (the first), in order.

RESEND_WAITS_SECONDS: Final = (3, 6, 12, 24, 48)
"""How long the first in flight waits for its acknowledgement, before each resend."""

JITTER: Final = 0.2

TIMER_SLACK_MS: Final = 1000


def new_inbox(client_id: str, *, epoch: str, now_ms: int) -> Inbox:
    """Return the row of an inbox in which nothing ever was."""
    return Inbox(client_id=client_id, epoch=epoch, kept_until_ms=now_ms + INBOX_LIFETIME_MS)


def resend_wait_ms(client_id: str, attempt: int) -> int:
    """Return how long to wait for an acknowledgement after so many resends.

    In whole seconds, as queues count, within a fifth of the table's; which, follows from the
    client and the attempt, so that clients that lost their link together don't come back together.
    """
    seconds = RESEND_WAITS_SECONDS[min(attempt, len(RESEND_WAITS_SECONDS) - 1)]
    spread = int(seconds * JITTER)
    return (
        seconds - spread + zlib.crc32(f"{attempt}{client_id}".encode()) % (2 * spread + 1)
    ) * 1000


def append(inbox: Inbox, *, size: int, expires_at_ms: int, now_ms: int) -> tuple[Append, Inbox]:
    """Return the row with one more message, which gets `last_seq`; or why it is not taken."""
    if expires_at_ms <= now_ms:
        return Append.EXPIRED, inbox
    if inbox.depth >= INBOX_DEPTH or inbox.bytes + size > INBOX_BYTES:
        return Append.FULL, inbox
    return Append.APPENDED, msgspec.structs.replace(
        inbox,
        last_seq=inbox.last_seq + 1,
        depth=inbox.depth + 1,
        bytes=inbox.bytes + size,
        next_expiry_ms=min(inbox.next_expiry_ms or expires_at_ms, expires_at_ms),
        kept_until_ms=max(inbox.kept_until_ms, now_ms + INBOX_LIFETIME_MS),
    )


def open_again(inbox: Inbox, *, now_ms: int) -> Inbox:
    """Return the row in a new run, for a connection that came."""
    return msgspec.structs.replace(
        _new_run(inbox),
        attempt=0,
        resend_at_ms=now_ms if inbox.depth else 0,
        kept_until_ms=max(inbox.kept_until_ms, now_ms + INBOX_LIFETIME_MS),
    )


def claim(inbox: Inbox, read: Read, *, owner: str, lease_ms: int, now_ms: int) -> Claim:
    """Answer a writer; `inbox` in the answer is the row after it."""
    is_other = inbox.owner not in {"", owner}
    if is_other and inbox.owned_until_ms > now_ms:
        return Claim(grant=Grant.HELD, inbox=inbox)
    if is_other:
        inbox = _new_run(inbox)
    inbox = msgspec.structs.replace(inbox, owner=owner, owned_until_ms=now_ms + lease_ms)
    is_resend = bool(inbox.in_flight) and inbox.resend_at_ms <= now_ms
    if is_resend and inbox.attempt >= len(RESEND_WAITS_SECONDS):
        return Claim(grant=Grant.EXHAUSTED, inbox=inbox)
    if is_resend:
        attempt = inbox.attempt + 1
        inbox = msgspec.structs.replace(_new_run(inbox), attempt=attempt, resend_at_ms=0)
    outgoing, is_expired = _take(inbox, read, now_ms)
    if outgoing:
        size = sum(each.entry.size for each in outgoing)
        cursor_seq = outgoing[-1].entry.seq
        is_running = inbox.in_flight and inbox.resend_at_ms
        inbox = msgspec.structs.replace(
            inbox,
            cursor_seq=cursor_seq,
            sent_seq=max(inbox.sent_seq, cursor_seq),
            in_flight=inbox.in_flight + len(outgoing),
            in_flight_bytes=inbox.in_flight_bytes + size,
            resend_at_ms=inbox.resend_at_ms
            if is_running
            else now_ms + resend_wait_ms(inbox.client_id, inbox.attempt),
        )
        return _with_timer(Grant.ENTRIES, inbox, outgoing, now_ms)
    if is_expired:
        if not inbox.resend_at_ms:  # a writer that dies now leaves it to be looked after
            inbox = msgspec.structs.replace(inbox, resend_at_ms=now_ms)
        return Claim(grant=Grant.EXPIRED, inbox=inbox)
    inbox = msgspec.structs.replace(inbox, owner="", owned_until_ms=0)
    if not inbox.depth:
        inbox = msgspec.structs.replace(inbox, resend_at_ms=0)
    return _with_timer(Grant.IDLE, inbox, (), now_ms)


def release(inbox: Inbox, *, owner: str, is_unsent: bool) -> Inbox | None:
    """Return the row without its lease, or None if the lease is another's.

    What was handed out stays in flight though it is unsent: so the next claim, when the resend is
    due, is that resend again.
    """
    if inbox.owner != owner:
        return None
    attempt = max(0, inbox.attempt - 1) if is_unsent else inbox.attempt
    return msgspec.structs.replace(inbox, attempt=attempt, owner="", owned_until_ms=0)


def park(inbox: Inbox, *, owner: str, fence: int) -> Inbox | None:
    """Return the row with its run ended, or None if the lease or the run is another."""
    if inbox.owner != owner or inbox.fence != fence:
        return None
    return msgspec.structs.replace(
        _new_run(inbox), attempt=0, resend_at_ms=0, timer_at_ms=0, owner="", owned_until_ms=0
    )


def settle(
    inbox: Inbox,
    dropped: Mapping[int, int],
    *,
    first_retained: int | None,
    next_expiry_ms: int | None,
    is_progress: bool,
    now_ms: int,
) -> Inbox:
    """Return the row without these messages, of which every one was retained.

    Args:
        inbox: the row.
        dropped: the seq of each, and its size.
        first_retained: the lowest seq that stays; None if none does.
        next_expiry_ms: the first expiry of those that stay, where it is known; else the row keeps
            a time that is too early, and `read_expired` finds nothing then.
        is_progress: whether the client acknowledged them.
        now_ms: the caller's clock.
    """
    if not dropped:
        return inbox
    settled_seq = inbox.last_seq if first_retained is None else first_retained - 1
    flown = [size for seq, size in dropped.items() if seq <= inbox.cursor_seq]
    depth = inbox.depth - len(dropped)
    resend_at_ms, attempt = inbox.resend_at_ms, inbox.attempt
    if not depth:
        resend_at_ms, attempt = 0, 0
    elif is_progress:
        resend_at_ms, attempt = now_ms + resend_wait_ms(inbox.client_id, 0), 0
    expiry_ms = inbox.next_expiry_ms if next_expiry_ms is None else next_expiry_ms
    return msgspec.structs.replace(
        inbox,
        settled_seq=settled_seq,
        cursor_seq=max(inbox.cursor_seq, settled_seq),
        depth=depth,
        bytes=inbox.bytes - sum(dropped.values()),
        in_flight=inbox.in_flight - len(flown),
        in_flight_bytes=inbox.in_flight_bytes - sum(flown),
        attempt=attempt,
        resend_at_ms=resend_at_ms,
        next_expiry_ms=expiry_ms if depth else 0,
    )


def is_due(inbox: Inbox, due_before_ms: int) -> bool:
    """Tell whether the inbox wants to be looked after since before that time."""
    return 0 < inbox.resend_at_ms < due_before_ms or 0 < inbox.next_expiry_ms < due_before_ms


def _new_run(inbox: Inbox) -> Inbox:
    return msgspec.structs.replace(
        inbox,
        cursor_seq=inbox.settled_seq,
        in_flight=0,
        in_flight_bytes=0,
        fence=inbox.fence + 1,
    )


def _take(inbox: Inbox, read: Read, now_ms: int) -> tuple[tuple[Outgoing, ...], bool]:
    """Return what the window lets out, and whether the next message's time is over."""
    room = WINDOW_MESSAGES - inbox.in_flight
    room_bytes = WINDOW_BYTES - inbox.in_flight_bytes
    if room <= 0 or inbox.in_flight >= inbox.depth:
        return (), False
    average = max(1, inbox.bytes // inbox.depth)
    limit = max(1, min(room, room_bytes // average + 1))
    outgoing: list[Outgoing] = []
    before, size = inbox.cursor_seq, 0
    for entry in read(inbox.cursor_seq, limit):
        is_first = not inbox.in_flight and not outgoing
        if entry.expires_at_ms <= now_ms:
            return tuple(outgoing), True
        if size + entry.size > room_bytes and not is_first:
            break
        after = None if before == entry.seq - 1 else before
        outgoing.append(Outgoing(entry=entry, after=0 if before == inbox.settled_seq else after))
        before, size = entry.seq, size + entry.size
    return tuple(outgoing), False


def _with_timer(grant: Grant, inbox: Inbox, outgoing: tuple[Outgoing, ...], now_ms: int) -> Claim:
    """Answer, and see that a job comes when the inbox wants to be looked after."""
    wants = inbox.resend_at_ms
    # A job that comes a little early, by another clock, must not take itself for one under way.
    if not wants or now_ms + TIMER_SLACK_MS < inbox.timer_at_ms <= wants:
        return Claim(grant=grant, inbox=inbox, outgoing=outgoing)
    inbox = msgspec.structs.replace(inbox, timer_at_ms=max(wants, now_ms))
    return Claim(
        grant=grant, inbox=inbox, outgoing=outgoing, timer_delay_ms=inbox.timer_at_ms - now_ms
    )

"""In which list a message stands, and under which name: the rules of `ports.MessageStore`.

A name sorts by when the message was accepted. Its lists are divided, and read in parts: what each
part has is merged here, newest first.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from cloudpush.model import Listing, Message, MessageState
from cloudpush.ports import MessagePage

if TYPE_CHECKING:
    from collections.abc import Iterable


def listing_of(stage: MessageState, *, is_open: bool, is_fanned_out: bool) -> Listing:
    """Return the list that a message stands in."""
    if stage is MessageState.SCHEDULED:
        return Listing.SCHEDULED
    is_running = is_fanned_out and is_open and stage is not MessageState.CANCELLED
    return Listing.RUNNING if is_running else Listing.FINISHED


def first_listing(message: Message, stage: MessageState) -> Listing:
    """Return the list of a message that is new."""
    return listing_of(stage, is_open=True, is_fanned_out=message.is_fanned_out)


def name_of(accepted_at_ms: int, message_id: str) -> str:
    """Return a message's name in its list."""
    return f"{accepted_at_ms:015} {message_id}"


def page_of(parts: Iterable[Iterable[str]], *, limit: int) -> MessagePage:
    """Return the newest of the names of all parts; each part is newest first, and of `limit + 1`.

    A message that moved while it was read may be in two lists: it is shown once.
    """
    merged = (name for name, _ in itertools.groupby(heapq.merge(*parts, reverse=True)))
    names = list(itertools.islice(merged, limit + 1))
    page = names[:limit]
    return MessagePage(
        message_ids=tuple(name.partition(" ")[2] for name in page),
        cursor=page[-1] if len(names) > limit else None,
    )

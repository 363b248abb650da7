"""What a caller repeated, and what happened when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """What `IdempotencyStore.begin` found."""

    message_id: str
    """The id that the request's message has: the caller's, or that of the first attempt."""
    is_mine: bool
    """Whether the caller is to do it; else it is done, or another one is at it."""
    is_same: bool = True
    """Whether the request is the one that the key was first used for; else nothing was begun."""
    answer: str | None = None
    """The first result, where there is one already."""


class IdempotencyStore(Protocol):
    """Which requests a caller may have repeated: by the caller's key, for 24 hours."""

    def begin(self, key: str, *, fingerprint: str, message_id: str, now_ms: int) -> Repeat:
        """Reserve a key for a request, in one step; of several callers one is told `is_mine`.

        A caller that has not completed after a minute has died: the next one is told `is_mine`,
        with the message id of the first, so that what was done is done again under the same id
        and changes nothing.

        Args:
            key: the caller's own, with who it is.
            fingerprint: of the request's body: a key used for another one is not `is_same`.
            message_id: what the message is called if the key is new.
            now_ms: the caller's clock.
        """
        ...

    def complete(self, key: str, *, answer: str, now_ms: int) -> None:
        """Keep the answer for whoever repeats the request."""
        ...

    def abandon(self, key: str, *, begun_at_ms: int) -> None:
        """Let the next one who asks follow at once, because this caller failed.

        `begun_at_ms` is the `now_ms` of the caller's `begin`. Nothing changes if another one has
        followed meanwhile, or there is an answer.
        """
        ...


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one minute."""

    at_ms: int
    """When it began."""
    counts: dict[str, int]


class StatisticsStore(Protocol):
    """What happened when: counters by name and minute, kept for two days.

    Adding is not idempotent: a repeat counts twice, and a crash counts nothing. What has to be
    exact stands in `MessageStore`.
    """

    def add(self, counts: Mapping[str, int], *, now_ms: int) -> None:
        """Add to counters of this minute, all in one request."""
        ...

    def read(self, *, from_ms: int, to_ms: int) -> Sequence[Minute]:
        """Return the minutes that began in this range, in order; those without counts are absent.

        `from_ms` is in it, `to_ms` is not.
        """
        ...

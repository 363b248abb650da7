"""How far a fan-out is, and what it came to."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is in one shard."""

    shard: int
    cursor: str | None = None
    """Behind the last that was served; None is the beginning."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What a fan-out came to: in connections where it goes to all, in clients of a list.

    What was repeated after a crash is counted twice.
    """

    sent: int = 0
    waiting: int = 0
    """Those that a job tries again, one by one; what comes of it is not counted here."""
    gone: int = 0
    dropped: int = 0
    untracked: int = 0
    """Recipients of QoS 1 without receipts. All others of QoS 1 are counted by their receipts."""

    @property
    def total(self) -> int:
        """Return how many connections, or clients of a list, a fan-out of QoS 0 has come to."""
        return self.sent + self.waiting + self.gone + self.dropped

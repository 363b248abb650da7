"""The quotas of API Gateway as named constants, and the bucket that enforces a rate.

Where AWS publishes no number for something that must be bounded, the number is ours and says so.
"""

from __future__ import annotations

FRAME_BYTES = 32_768
"""Payload of one frame; one byte more closes with 1009 (LIMIT-1, LIMIT-2)."""

MESSAGE_BYTES = 131_072
"""A whole message in either direction, and the body of a post (LIMIT-3, MANAGE-12)."""

URL_LENGTH = 4_096
"""Characters of a URL's path and query (ENDPOINT-14)."""

IDLE_TIMEOUT_SECONDS = 600.0
"""Without traffic in either direction a connection is closed after this (LIMIT-6)."""

MAX_DURATION_SECONDS = 7_200.0
"""However busy, a connection is closed after this (LIMIT-9)."""

CONNECT_RATE = 500.0
"""New connections per second of an account (CONNECT-14)."""

CLIENT_BUFFER_BYTES = 524_288
"""Unsent bytes of one connection from which on a post is refused with 429. AWS publishes none;
ours holds four of the largest messages."""

IN_FLIGHT_PER_CONNECTION = 512
"""Messages of one connection that are processed at once; from then on nothing is read from it.
AWS publishes none, and 172 have been seen (LIMIT-14)."""

CLOSE_TIMEOUT_SECONDS = 10.0
"""How long a close frame of ours waits for the client's before the connection is cut. Ours."""

KEEP_ALIVE_SECONDS = 60.0
"""How long an idle HTTP connection is kept for the next request. Ours, close to AWS's."""


class TokenBucket:
    """A rate with a burst, as API Gateway throttles (its page websocket-api-protect).

    It starts full, and is told the time.
    """

    __slots__ = ("_at", "_tokens", "burst", "per_second")

    def __init__(self, per_second: float, *, burst: float | None = None) -> None:
        """Take the rate, and how many may come at once: one second's worth unless `burst`.

        A burst of less than one lets nothing through.
        """
        self.per_second = per_second
        self.burst = max(1.0, per_second) if burst is None else burst
        self._tokens = self.burst
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take a token at `now` seconds of a steady clock; False if there is none."""
        if self._at is not None:
            earned = (now - self._at) * self.per_second
            self._tokens = min(self.burst, self._tokens + earned)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

"""Limit how often somebody does something: messages, pushes and connects, by client or key.

A limit allows so many a second, and five seconds' worth at once. What is used up of it lies in the
store, once for all functions; but nobody asks the store for each message:

    free     each environment lets a fiftieth of the rate pass by itself: who speaks now and then
             costs no request
    leased   beyond that it takes a tenth of a second's worth from the store, for a second
    refused  what the store refused, the environment goes on refusing until the time it was told

So a client that floods costs ten writes a second at most, and all environments together let pass
the rate and, each, a fiftieth more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from cloudpush.errors import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Callable

BURST_SECONDS: Final = 5
FREE_SHARE: Final = 50
LEASES_PER_SECOND: Final = 10
LEASE_MS: Final = 1000
KEPT: Final = 10_000
"""Names that one environment keeps at most."""


class RateStore(Protocol):
    """What was leased: for each name the time until which its rate is used up."""

    def lease(self, name: str, tokens: int, *, per_second: int, now_ms: int) -> int:
        """Take tokens, all or none, in one step; return 0, or in how many ms they would be there.

        A pause saves up `BURST_SECONDS` of the rate. Raises `StoreUnavailable` and
        `ConfigurationWrong` as `ports.ConnectionStore` does.

        Args:
            name: what is limited, and whose.
            tokens: 1 to what `BURST_SECONDS` bring.
            per_second: the rate, at least 1.
            now_ms: the caller's clock.
        """
        ...


class _Account(msgspec.Struct, kw_only=True):
    """What one environment knows of one name."""

    free: float
    free_at_ms: int
    leased: int = 0
    leased_until_ms: int = 0
    refused: int = 0
    """So many were refused; fewer may be there."""
    refused_until_ms: int = 0


class Limit:
    """One limit, as one environment holds it.

    Args:
        kind: what is limited.
        per_second: how often; 0 is not limited.
        store: makes the store of what was leased; not called before it is needed.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        kind: str,
        *,
        per_second: int,
        store: Callable[[], RateStore],
        clock: Callable[[], int],
    ) -> None:
        self._kind = kind
        self._per_second = per_second
        self._store = store
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._most_free = max(1.0, per_second / FREE_SHARE)

    def take(self, name: str, tokens: int = 1) -> None:
        """Count one or more of somebody's.

        Raises:
            TooManyRequests: they are too many; none is counted.
            StoreUnavailable: nobody could tell.
        """
        if not self._per_second:
            return
        now_ms = self._clock()
        account = self._account(name, now_ms)
        if now_ms < account.refused_until_ms and tokens >= account.refused:
            raise self._refusal(account.refused_until_ms - now_ms)
        # A request for more than can ever be saved up waits for all of that.
        tokens = min(tokens, self._per_second * BURST_SECONDS)
        if account.free >= tokens:
            account.free -= tokens
        elif now_ms < account.leased_until_ms and account.leased >= tokens:
            account.leased -= tokens
        else:
            self._lease(name, account, tokens, now_ms)

    def _lease(self, name: str, account: _Account, tokens: int, now_ms: int) -> None:
        block = max(tokens, self._per_second // LEASES_PER_SECOND)
        wait_ms = self._store().lease(
            f"{self._kind}:{name}", block, per_second=self._per_second, now_ms=now_ms
        )
        if wait_ms:
            account.refused = tokens
            account.refused_until_ms = now_ms + wait_ms
            raise self._refusal(wait_ms)
        account.leased = block - tokens
        account.leased_until_ms = now_ms + LEASE_MS

    def _refusal(self, wait_ms: int) -> TooManyRequests:
        return TooManyRequests(f"too many of these: {self._kind}", retry_after_ms=wait_ms)

    def _account(self, name: str, now_ms: int) -> _Account:
        account = self._accounts.pop(name, None)
        if account is None:
            account = _Account(free=self._most_free, free_at_ms=now_ms)
            if len(self._accounts) >= KEPT:
                del self._accounts[next(iter(self._accounts))]
        self._accounts[name] = account  # at the end of the dict, which is in order
        since_ms = max(0, now_ms - account.free_at_ms)
        gained = since_ms * self._per_second / FREE_SHARE / 1000
        account.free = min(self._most_free, account.free + gained)
        account.free_at_ms = now_ms
        return account

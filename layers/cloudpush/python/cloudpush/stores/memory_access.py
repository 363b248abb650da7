"""API keys, tickets and revocations as a model: three dicts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.access import ApiKey, Ticket


class MemoryAccessStore:
    """`access.AccessStore` in this process's memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, ApiKey] = {}
        self._tickets: dict[str, Ticket] = {}
        self._not_before_ms: dict[str, int] = {}

    def add_key(self, key: ApiKey) -> None:
        """See `access.AccessStore.add_key`."""
        with self._lock:
            self._keys[key.key_id] = key

    def get_key(self, key_id: str) -> ApiKey | None:
        """See `access.AccessStore.get_key`."""
        with self._lock:
            return self._keys.get(key_id)

    def read_keys(self) -> Sequence[ApiKey]:
        """See `access.AccessStore.read_keys`."""
        with self._lock:
            return [self._keys[each] for each in sorted(self._keys)]

    def revoke_key(self, key_id: str) -> bool:
        """See `access.AccessStore.revoke_key`."""
        with self._lock:
            return self._keys.pop(key_id, None) is not None

    def add_ticket(self, digest: str, ticket: Ticket) -> None:
        """See `access.AccessStore.add_ticket`."""
        with self._lock:
            self._tickets[digest] = ticket

    def redeem_ticket(self, digest: str, *, now_ms: int) -> Ticket | None:
        """See `access.AccessStore.redeem_ticket`."""
        with self._lock:
            found = self._tickets.pop(digest, None)
        return found if found is not None and found.expires_at_ms > now_ms else None

    def revoke_before(self, client_id: str, not_before_ms: int, *, kept_until_ms: int) -> int:
        """See `access.AccessStore.revoke_before`."""
        del kept_until_ms  # nothing is dropped here
        with self._lock:
            latest = max(self._not_before_ms.get(client_id, 0), not_before_ms)
            self._not_before_ms[client_id] = latest
            return latest

    def get_not_before(self, client_id: str) -> int:
        """See `access.AccessStore.get_not_before`."""
        with self._lock:
            return self._not_before_ms.get(client_id, 0)

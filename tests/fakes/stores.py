"""A connection store in memory of which single methods can be down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush.errors import StoreUnavailable
from cloudpush.stores.memory import MemoryConnectionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cloudpush.model import Connection, Place, Policy
    from cloudpush.ports import Admission, Page


class FaultyConnectionStore(MemoryConnectionStore):
    """A `ConnectionStore` that counts calls and fails those of the methods named in `down`."""

    def __init__(self, *down: str) -> None:
        super().__init__()
        self.down = set(down)
        self.calls: list[str] = []
        """The names of the methods that were called, in order."""
        self.after_read_stale: Callable[[], object] = lambda: None
        """What happens between a read of stale connections and what its caller does next."""

    def _meet(self, name: str) -> None:
        self.calls.append(name)
        if name in self.down:
            raise StoreUnavailable(f"{name} is told to be down")

    def admit(self, connection: Connection, *, policy: Policy, now_ms: int) -> Admission:
        """See the port."""
        self._meet("admit")
        return super().admit(connection, policy=policy, now_ms=now_ms)

    def get(self, connection_id: str, *, now_ms: int) -> Connection | None:
        """See the port."""
        self._meet("get")
        return super().get(connection_id, now_ms=now_ms)

    def touch(self, connection_id: str, *, now_ms: int) -> bool:
        """See the port."""
        self._meet("touch")
        return super().touch(connection_id, now_ms=now_ms)

    def confirm(self, connection_id: str, *, now_ms: int) -> bool:
        """See the port."""
        self._meet("confirm")
        return super().confirm(connection_id, now_ms=now_ms)

    def forget(self, connection_id: str, *, now_ms: int) -> bool:
        """See the port."""
        self._meet("forget")
        return super().forget(connection_id, now_ms=now_ms)

    def resolve(
        self, client_ids: Iterable[str], *, now_ms: int
    ) -> Mapping[str, tuple[Connection, ...]]:
        """See the port."""
        self._meet("resolve")
        return super().resolve(client_ids, now_ms=now_ms)

    def read_shards(self, places: Sequence[Place], *, limit: int, now_ms: int) -> Sequence[Page]:
        """See the port."""
        self._meet("read_shards")
        return super().read_shards(places, limit=limit, now_ms=now_ms)

    def read_stale(
        self, places: Sequence[Place], *, seen_before_ms: int, limit: int = 500, now_ms: int
    ) -> Sequence[Page]:
        """See the port."""
        self._meet("read_stale")
        pages = super().read_stale(
            places, seen_before_ms=seen_before_ms, limit=limit, now_ms=now_ms
        )
        self.after_read_stale()
        return pages

    def ping(self) -> None:
        """See the port."""
        self._meet("ping")
        super().ping()

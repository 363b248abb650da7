"""API keys, tickets and revocations on Redis 7 or later, or Valkey, alone or as a cluster.

    {prefix}keys                 hash     id of an API key -> the key as JSON
    {prefix}ticket:{DIGEST}      string   a ticket as JSON, until its time is over
    {prefix}revoked:{CLIENT_ID}  string   from when on what the client was issued is good, ms

The braces around the names stand in the keys themselves. Every method is one round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from cloudpush.access import ApiKey, Ticket
from cloudpush.stores.redis_client import read_script, translated_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.stores.redis_client import Client


class RedisAccessStore:
    """`access.AccessStore` on a Redis client that was made with `decode_responses=True`."""

    def __init__(self, client: Client, *, prefix: str = "cloudpush:") -> None:
        self._client = client
        self._prefix = prefix
        self._keys = f"{prefix}keys"
        self._revoke = read_script(client, "access/revoke")

    def add_key(self, key: ApiKey) -> None:
        """See `access.AccessStore.add_key`."""
        with translated_errors():
            self._client.hset(self._keys, key.key_id, msgspec.json.encode(key).decode())

    def get_key(self, key_id: str) -> ApiKey | None:
        """See `access.AccessStore.get_key`."""
        with translated_errors():
            found = self._client.hget(self._keys, key_id)
        return None if found is None else msgspec.json.decode(found, type=ApiKey)

    def read_keys(self) -> Sequence[ApiKey]:
        """See `access.AccessStore.read_keys`."""
        with translated_errors():
            found = self._client.hgetall(self._keys)
        return [msgspec.json.decode(found[each], type=ApiKey) for each in sorted(found)]

    def revoke_key(self, key_id: str) -> bool:
        """See `access.AccessStore.revoke_key`."""
        with translated_errors():
            return self._client.hdel(self._keys, key_id) > 0

    def add_ticket(self, digest: str, ticket: Ticket) -> None:
        """See `access.AccessStore.add_ticket`."""
        text = msgspec.json.encode(ticket).decode()
        with translated_errors():
            self._client.set(self._ticket(digest), text, pxat=ticket.expires_at_ms)

    def redeem_ticket(self, digest: str, *, now_ms: int) -> Ticket | None:
        """See `access.AccessStore.redeem_ticket`."""
        with translated_errors():
            text = self._client.getdel(self._ticket(digest))
        if text is None:
            return None
        ticket = msgspec.json.decode(text, type=Ticket)
        return ticket if ticket.expires_at_ms > now_ms else None

    def revoke_before(self, client_id: str, not_before_ms: int, *, kept_until_ms: int) -> int:
        """See `access.AccessStore.revoke_before`."""
        with translated_errors():
            holds = self._revoke([self._revoked(client_id)], [not_before_ms, kept_until_ms])
        return int(cast("str", holds))

    def get_not_before(self, client_id: str) -> int:
        """See `access.AccessStore.get_not_before`."""
        with translated_errors():
            return int(self._client.get(self._revoked(client_id)) or 0)

    def _ticket(self, digest: str) -> str:
        return f"{self._prefix}ticket:{{{digest}}}"

    def _revoked(self, client_id: str) -> str:
        return f"{self._prefix}revoked:{{{client_id}}}"

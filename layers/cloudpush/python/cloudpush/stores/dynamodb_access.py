"""API keys, tickets and revocations on the DynamoDB table.

    pk                 sk        what
    keys               KEY_ID    an API key; few, and read seldom: they share a partition
    ticket#DIGEST      ticket    a ticket
    revoked#CLIENT_ID  revoked   from when on what the client was issued is good

Every method is one request; reading all keys one for each 500.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.access import ApiKey, Ticket
from cloudpush.stores import dynamodb_items as items
from cloudpush.stores.dynamodb_errors import ConditionFailed
from cloudpush.stores.dynamodb_table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from cloudpush.stores.dynamodb_items import Item

IS_THERE: Final = "attribute_exists(#pk)"
IS_NEW: Final = "attribute_not_exists(#pk)"
IS_EARLIER: Final = "#not_before_ms < :not_before"

_PAGE: Final = 500
_FIRST, _LAST = "0", "g"
"""Around all ids of keys, which are hexadecimal."""


class DynamoDbAccessStore:
    """`access.AccessStore` on one table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name, sleep=sleep)

    def add_key(self, key: ApiKey) -> None:
        """See `access.AccessStore.add_key`."""
        self._table.update(
            _api_key(key.key_id),
            update="SET #api_key = :api_key",
            values={":api_key": _text_of(key)},
        )

    def get_key(self, key_id: str) -> ApiKey | None:
        """See `access.AccessStore.get_key`."""
        item = self._table.get(_api_key(key_id))
        return None if item is None else _api_key_in(item)

    def read_keys(self) -> Sequence[ApiKey]:
        """See `access.AccessStore.read_keys`."""
        found: list[ApiKey] = []
        first: str | None = _FIRST
        while first is not None:
            page, last = self._table.read_range("keys", first=first, last=_LAST, limit=_PAGE)
            found += [_api_key_in(each) for each in page]
            first = None if last is None else f"{last}0"  # what comes next after it
        return found

    def revoke_key(self, key_id: str) -> bool:
        """See `access.AccessStore.revoke_key`."""
        try:
            self._table.take(_api_key(key_id), condition=IS_THERE)
        except ConditionFailed:
            return False
        return True

    def add_ticket(self, digest: str, ticket: Ticket) -> None:
        """See `access.AccessStore.add_ticket`."""
        self._table.update(
            _ticket(digest),
            update="SET #ticket = :ticket, #ttl = :ttl",
            values={":ticket": _text_of(ticket), ":ttl": items.ttl(ticket.expires_at_ms)},
        )

    def redeem_ticket(self, digest: str, *, now_ms: int) -> Ticket | None:
        """See `access.AccessStore.redeem_ticket`."""
        try:
            item = self._table.take(_ticket(digest), condition=IS_THERE)
        except ConditionFailed:
            return None
        ticket = msgspec.json.decode(item["ticket"]["S"], type=Ticket)
        return ticket if ticket.expires_at_ms > now_ms else None

    def revoke_before(self, client_id: str, not_before_ms: int, *, kept_until_ms: int) -> int:
        """See `access.AccessStore.revoke_before`."""
        try:
            self._table.update(
                _revoked(client_id),
                update="SET #not_before_ms = :not_before, #ttl = :ttl",
                condition=f"{IS_NEW} OR {IS_EARLIER}",
                values={
                    ":not_before": items.number(not_before_ms),
                    ":ttl": items.ttl(kept_until_ms),
                },
            )
        except ConditionFailed as error:
            return int((error.item or {})["not_before_ms"]["N"])
        return not_before_ms

    def get_not_before(self, client_id: str) -> int:
        """See `access.AccessStore.get_not_before`."""
        item = self._table.get(_revoked(client_id))
        return 0 if item is None else int(item["not_before_ms"]["N"])


def _api_key(key_id: str) -> Item:
    return {"pk": {"S": "keys"}, "sk": {"S": key_id}}


def _ticket(digest: str) -> Item:
    return {"pk": {"S": f"ticket#{digest}"}, "sk": {"S": "ticket"}}


def _revoked(client_id: str) -> Item:
    return {"pk": {"S": f"revoked#{client_id}"}, "sk": {"S": "revoked"}}


def _text_of(value: ApiKey | Ticket) -> Item:
    return {"S": msgspec.json.encode(value).decode()}


def _api_key_in(item: Item) -> ApiKey:
    return msgspec.json.decode(item["api_key"]["S"], type=ApiKey)

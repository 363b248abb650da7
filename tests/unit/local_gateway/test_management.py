"""What the management API reads and writes; what callers see of it is in tests/conformance."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from local_gateway.limits import MESSAGE_BYTES
from local_gateway.management import ManagementApi
from local_gateway.registry import Registry
from tests.fakes.gateway import application, websocket_api

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

API = websocket_api()
STAGE = API.stages["dev"]
KNOWN = "QyUg1czHCYcCHXw="


class Connection:
    """An open connection that keeps what is posted to it."""

    api_id = API.api_id
    stage_name = STAGE.name
    connection_id = KNOWN
    connected_at = 1_643_136_604_673
    last_active_at = 1_643_136_605_003
    source_ip = "192.0.2.1"
    user_agent = principal_id = None
    received = sent = 0
    buffered_bytes = unread_bytes = 0
    peer = ("192.0.2.1", 50_000)

    def __init__(self) -> None:
        self.posted: list[bytes] = []
        self.is_full = False
        self.is_deleted = False

    def post(self, data: bytes) -> bool:
        if not self.is_full:
            self.posted.append(data)
        return not self.is_full

    def on_text(self, text: str) -> None:
        raise NotImplementedError(text)

    def go_away(self) -> None:
        raise NotImplementedError

    def delete(self) -> None:
        self.is_deleted = True


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def management(connection: Connection) -> ManagementApi:
    registry = Registry()
    registry.add(connection)
    return ManagementApi(application(API), registry)


async def request(
    management: ManagementApi, method: str, messages: Iterator[MutableMapping[str, Any]]
) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(messages, {"body": b""})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    connection_id = KNOWN.replace("=", "%3D")
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": f"/dev/@connections/{connection_id}".encode(),
        "query_string": b"",
        "headers": [],
    }
    await management(API, STAGE, connection_id, scope, receive, send)
    start, body = sent
    return start["status"], body["body"]


async def test_post_reads_a_body_in_pieces(
    management: ManagementApi, connection: Connection
) -> None:
    pieces = [{"body": b"one ", "more_body": True}, {"body": b"two", "more_body": False}]

    assert await request(management, "POST", iter(pieces)) == (200, b"")
    assert connection.posted == [b"one two"]


async def test_post_without_an_end_is_refused_at_the_limit(
    management: ManagementApi, connection: Connection
) -> None:
    endless = repeat({"body": b"x" * 1_000, "more_body": True}, MESSAGE_BYTES // 1_000 + 1)

    status, body = await request(management, "POST", endless)

    assert (status, orjson.loads(body)) == (413, {"message": "Payload Too Large"})
    assert connection.posted == []


async def test_post_to_a_full_buffer_is_429(
    management: ManagementApi, connection: Connection
) -> None:
    connection.is_full = True

    status, body = await request(management, "POST", iter([{"body": b"x"}]))

    assert (status, orjson.loads(body)) == (429, {"message": "Too Many Requests"})


async def test_get_is_written_as_the_service_does(management: ManagementApi) -> None:
    status, body = await request(management, "GET", iter(()))

    assert status == 200
    assert body == (
        b'{"connectedAt":"2022-01-25T18:50:04.673Z",'
        b'"identity":{"sourceIp":"192.0.2.1","userAgent":null},'
        b'"lastActiveAt":"2022-01-25T18:50:05.003Z"}'
    )


async def test_delete_deletes(management: ManagementApi, connection: Connection) -> None:
    assert await request(management, "DELETE", iter(())) == (204, b"")
    assert connection.is_deleted

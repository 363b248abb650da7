from __future__ import annotations

from local_gateway.registry import Registry
from tests.fakes.gateway import websocket_api

API, OTHER = websocket_api(), websocket_api(api_id="otherother")
DEV, PROD = API.stages["dev"], API.stages["prod"]


class Connection:
    api_id = API.api_id
    stage_name = "dev"
    connected_at = last_active_at = buffered_bytes = unread_bytes = 0
    peer = ("192.0.2.40", 50_000)
    source_ip = "192.0.2.40"
    user_agent = principal_id = None
    received = sent = 0

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id

    def post(self, data: bytes) -> bool:
        raise NotImplementedError(data)

    def on_text(self, text: str) -> None:
        raise NotImplementedError(text)

    def go_away(self) -> None:
        raise NotImplementedError

    def delete(self) -> None:
        raise NotImplementedError


def test_open_connection_is_found_on_its_api_and_stage_alone() -> None:
    registry, connection = Registry(), Connection("a")
    registry.add(connection)

    assert registry.find(API, DEV, "a") is connection
    assert registry.find(API, PROD, "a") is None
    assert registry.find(OTHER, DEV, "a") is None
    assert registry.find(API, DEV, "b") is None


def test_removed_connection_is_gone_and_stays_so() -> None:
    registry, connection = Registry(), Connection("a")
    registry.add(connection)

    registry.remove(connection, 1.0)
    registry.remove(connection, 1.0)

    assert registry.find(API, DEV, "a") is None
    assert len(registry) == 0


def test_connections_are_listed_from_the_oldest() -> None:
    registry = Registry()
    for name in "abc":
        registry.add(Connection(name))

    assert [each.connection_id for each in registry.connections()] == ["a", "b", "c"]


def test_pending_connection_is_known_and_not_found() -> None:
    registry = Registry()

    registry.reserve("a")

    assert registry.is_pending("a")
    assert registry.find(API, DEV, "a") is None
    registry.release("a")
    assert not registry.is_pending("a")


def test_a_connection_that_is_gone_is_remembered_for_a_while() -> None:
    registry = Registry()
    for number in range(1_001):
        connection = Connection(f"{number}")
        registry.add(connection)
        registry.remove(connection, 10.0)

    assert registry.gone_for("1000", 12.5) == 2.5
    assert registry.gone_for("1", 12.5) == 2.5
    assert registry.gone_for("0", 12.5) is None

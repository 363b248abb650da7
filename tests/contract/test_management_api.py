"""The contract of `ManagementApi`, held by the fake and by the real one over HTTP and HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from cloudpush.management import HttpManagementApi
from cloudpush.ports import Outcome, Post
from tests.fakes.certificates import make_contexts
from tests.fakes.credentials import StaticCredentials
from tests.fakes.http_server import ScriptedServer, answer
from tests.fakes.management import RecordingManagementApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cloudpush.ports import ManagementApi

ALICE, BOB, CAROL = "PJqB0fHsqRcCHlw=", "L0SM9cOFvHcCIhw=", "-0oXA_dfD0kwCHw="

STATUSES = {
    Outcome.SENT: 200,
    Outcome.GONE: 410,
    Outcome.THROTTLED: 429,
    Outcome.TOO_LARGE: 413,
    Outcome.UNAVAILABLE: 500,
    Outcome.REFUSED: 403,
}


class Gateway(Protocol):
    """A `ManagementApi` and what stands behind it."""

    @property
    def api(self) -> ManagementApi:
        """What is under test."""
        ...

    def script(self, connection_id: str, *outcomes: Outcome) -> None:
        """Say what comes of the next posts to this connection, or of its deletion."""
        ...

    def posted_to(self, connection_id: str) -> list[bytes]:
        """Return what reached the gateway for this connection."""
        ...

    def deleted(self) -> list[str]:
        """Return which connections the gateway was told to delete."""
        ...


class RecordingGateway:
    def __init__(self) -> None:
        self._outcomes: dict[str, list[Outcome]] = {}
        self._fake: RecordingManagementApi | None = None

    @property
    def api(self) -> RecordingManagementApi:
        if self._fake is None:
            self._fake = RecordingManagementApi(self._outcomes, deletions=self._outcomes)
        return self._fake

    def script(self, connection_id: str, *outcomes: Outcome) -> None:
        self._outcomes[connection_id] = list(outcomes)

    def posted_to(self, connection_id: str) -> list[bytes]:
        return [post.data for post in self.api.posts if post.connection_id == connection_id]

    def deleted(self) -> list[str]:
        return self.api.deleted


class HttpGateway:
    def __init__(self, server: ScriptedServer, api: HttpManagementApi) -> None:
        self.server = server
        self.api = api

    def script(self, connection_id: str, *outcomes: Outcome) -> None:
        self.server.script(connection_id, *(answer(STATUSES[outcome]) for outcome in outcomes))

    def posted_to(self, connection_id: str) -> list[bytes]:
        return self.server.bodies_for(connection_id)

    def deleted(self) -> list[str]:
        return [each.connection_id for each in self.server.requests if each.method == "DELETE"]


@pytest.fixture(params=["recording", "http", "https"])
async def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    if request.param == "recording":
        yield RecordingGateway()
        return
    contexts = make_contexts(tmp_path_factory.mktemp("tls")) if request.param == "https" else None
    async with ScriptedServer(contexts and contexts.server) as server:
        api = HttpManagementApi(
            server.url,
            credentials=StaticCredentials(),
            region="eu-west-1",
            ssl_context=contexts and contexts.client,
        )
        yield HttpGateway(server, api)
        await api.aclose()


async def test_each_post_has_its_outcome_in_the_order_of_the_posts(gateway: Gateway) -> None:
    ids = {outcome: f"{outcome.name}=" for outcome in STATUSES}
    for outcome, connection_id in ids.items():
        gateway.script(connection_id, outcome)

    outcomes = await gateway.api.post_to_connections(
        [Post(connection_id, b"hello") for connection_id in ids.values()]
    )

    assert list(outcomes) == list(ids)


async def test_no_posts_have_no_outcomes(gateway: Gateway) -> None:
    assert list(await gateway.api.post_to_connections([])) == []


async def test_data_arrives_as_it_is(gateway: Gateway) -> None:
    data = '{"msg":{"text":"grüße 👋"}}'.encode()

    await gateway.api.post_to_connections([Post(ALICE, data), Post(BOB, b"")])

    assert gateway.posted_to(ALICE) == [data]
    assert gateway.posted_to(BOB) == [b""]


async def test_posts_of_one_call_to_one_connection_go_in_order(gateway: Gateway) -> None:
    posts = [
        Post(connection_id, f"{number}".encode())
        for number in range(20)
        for connection_id in (ALICE, BOB, CAROL)
    ]

    outcomes = await gateway.api.post_to_connections(posts)

    in_order = [f"{number}".encode() for number in range(20)]
    assert list(outcomes) == [Outcome.SENT] * 60
    assert gateway.posted_to(ALICE) == in_order
    assert gateway.posted_to(BOB) == in_order
    assert gateway.posted_to(CAROL) == in_order


async def test_order_goes_on_after_a_post_that_failed(gateway: Gateway) -> None:
    gateway.script(ALICE, Outcome.SENT, Outcome.THROTTLED, Outcome.UNAVAILABLE, Outcome.SENT)

    outcomes = await gateway.api.post_to_connections([Post(ALICE, b"%d" % n) for n in range(4)])

    assert list(outcomes) == [
        Outcome.SENT,
        Outcome.THROTTLED,
        Outcome.UNAVAILABLE,
        Outcome.SENT,
    ]
    assert gateway.posted_to(ALICE) == [b"0", b"1", b"2", b"3"]


async def test_a_thousand_posts_all_arrive(gateway: Gateway) -> None:
    posts = [Post(f"connection-{number}=", b"%d" % number) for number in range(1000)]

    outcomes = await gateway.api.post_to_connections(posts)

    assert list(outcomes) == [Outcome.SENT] * 1000
    assert all(gateway.posted_to(post.connection_id) == [post.data] for post in posts[::97])


@pytest.mark.parametrize(
    "connection_id",
    ["", "a b", "a/b", "../x", "a%3D", "ä", "id\n", "id\r\nX-Evil: 1", "a?b", "a" * 129],
)
async def test_what_cannot_be_a_connection_id_is_refused(
    gateway: Gateway, connection_id: str
) -> None:
    outcomes = await gateway.api.post_to_connections(
        [Post(connection_id, b"evil"), Post(ALICE, b"hello")]
    )

    assert list(outcomes) == [Outcome.REFUSED, Outcome.SENT]
    assert await gateway.api.delete_connection(connection_id) is Outcome.REFUSED


async def test_connection_is_deleted(gateway: Gateway) -> None:
    outcome = await gateway.api.delete_connection(ALICE)

    assert outcome is Outcome.SENT
    assert gateway.deleted() == [ALICE]


async def test_deleting_a_connection_that_is_not_there_says_so(gateway: Gateway) -> None:
    gateway.script(ALICE, Outcome.GONE)

    assert await gateway.api.delete_connection(ALICE) is Outcome.GONE

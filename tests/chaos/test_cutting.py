from __future__ import annotations

import asyncio
from random import Random  # noqa: TID251 — which of its draws come is what this is about

import pytest

from tests.chaos.cutting import Way, breaking_way


class Store:
    """A store that answers a request with itself."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.all_gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(100):
            self.requests.append(request)
            writer.write(request)
        writer.close()
        self.all_gone.set()


async def ask(way: Way, store: Store) -> bytes:
    """Return what a request over the way is answered, and wait until the store has heard of it."""
    async with await asyncio.start_server(store.serve, "127.0.0.1", 0) as server:
        way.target = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        writer.write(b"request")
        try:
            return await reader.read(100)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            await store.all_gone.wait()


async def test_a_way_hands_on_what_is_asked_and_answered() -> None:
    store = Store()

    async with breaking_way(Random(1), cuts=1.0) as way:
        answer = await ask(way, store)

    assert (answer, store.requests, way.cuts) == (b"request", [b"request"], 0)


@pytest.mark.parametrize(("seed", "requests"), [(1, []), (2, [b"request"])])
async def test_of_a_request_that_is_cut_the_answer_is_lost_and_perhaps_the_request(
    seed: int, requests: list[bytes]
) -> None:
    store = Store()

    async with breaking_way(Random(seed), cuts=1.0) as way:
        way.is_faulty = True
        answer = await ask(way, store)

    assert (answer, store.requests, way.cuts) == (b"", requests, 1)

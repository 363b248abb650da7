"""What is said of a back-end on HTTP that doesn't answer."""

from __future__ import annotations

import asyncio
import socket

from local_gateway.integration import BackendUnreachable
from local_gateway.integrations.http_client import HttpClient, HttpRequest


async def test_a_back_end_that_is_not_there_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = HttpClient()
    settled = asyncio.get_running_loop().create_future()

    client.send(
        HttpRequest("POST", f"http://127.0.0.1:{port}/hook", headers=(), body=b"", timeout_ms=5000),
        settled.set_result,
    )
    outcome = await settled
    await client.close()

    assert isinstance(outcome, BackendUnreachable)
    assert str(outcome).startswith(
        f"POST http://127.0.0.1:{port}/hook: Cannot connect to host 127.0.0.1:{port} "
    )

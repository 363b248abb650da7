"""Tests of a template: serve it in the test's process, drive clients and time, see what ran.

async def test_everybody_hears_of_it() -> None:
    async with serve("template.yaml") as gateway:
        alice, bob = await gateway.connect(), await gateway.connect()
        await alice.send({"action": "sendmessage", "data": "hello"})
        await bob.expect("hello")

The pytest plugin (`local_gateway.pytest_plugin`) has fixtures for it.
"""

from __future__ import annotations

from local_gateway.testing.asynchronous import Client, Gateway
from local_gateway.testing.blocking import BlockingClient, BlockingGateway
from local_gateway.testing.errors import HandshakeRefused
from local_gateway.testing.recording import Invocation
from local_gateway.testing.serving import serve

__all__ = [
    "BlockingClient",
    "BlockingGateway",
    "Client",
    "Gateway",
    "HandshakeRefused",
    "Invocation",
    "serve",
]

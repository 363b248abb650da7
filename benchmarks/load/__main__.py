"""The process of a load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from benchmarks.load import Broadcast, Connect, Echo, Greet, Hold, Load, Push, Singles
from benchmarks.load.clients import open_named_clients
from benchmarks.load.connections import connect, echo, hold
from benchmarks.load.process import serve
from benchmarks.load.publications import broadcast, push, singles

if TYPE_CHECKING:
    from benchmarks.load import Measured


async def work_off(load: Load) -> Measured:
    """Run a load in this process."""
    match load:
        case Echo():
            measured = await echo(load)
        case Connect():
            measured = await connect(load)
        case Hold():
            measured = await hold(load)
        case Greet():
            await open_named_clients(load.url, 1)
            measured = {}
        case Push():
            measured = await push(load)
        case Broadcast():
            measured = await broadcast(load)
        case Singles():
            measured = await singles(load)
    return measured


if __name__ == "__main__":
    serve(lambda text: work_off(msgspec.json.decode(text, type=Load)))

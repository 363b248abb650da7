"""The load of closing: clients of the push service, who show a token where there is need of one.

    python -m benchmarks.closing LOAD

As `benchmarks.load`, of which it is a part in a module of its own. Tokens are made before anything
is timed: that is the work of whoever issues them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.load import Timed
from benchmarks.load.clients import open_greeted_clients
from benchmarks.load.connections import come_and_go, exchange
from benchmarks.load.process import serve
from cloudpush import clock, tokens
from cloudpush.rights import Principal

if TYPE_CHECKING:
    from benchmarks.load import Measured

HEARTBEAT: Final = b'{"msgType":3}'
HEARTBEAT_ACK: Final = b'{"msgType":4,'
_TOKEN_MS: Final = 60 * 60 * 1000


class Visit(Timed, kw_only=True):
    """Clients of the push service, each with an id of its own."""

    clients: int
    secret: str = ""
    """What their tokens are signed with, by HS256; empty where they show none."""

    @property
    def urls(self) -> list[str]:
        """Where each of them connects."""
        names = [f"client-{number}" for number in range(self.clients)]
        urls = [f"{self.url}?channelId={name}" for name in names]
        if not self.secret:
            return urls
        return [f"{url}&token={self._sign(name)}" for url, name in zip(urls, names, strict=True)]

    def _sign(self, name: str) -> str:
        now_ms = clock.now_ms()
        return tokens.sign(
            Principal(name=name),
            key=self.secret,
            rules=tokens.TokenRules(),
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + _TOKEN_MS,
        )


class Arrive(Visit, tag=True, kw_only=True):
    """Each client connects, waits for its CONNECTION, closes cleanly, and connects again.

    Measures what `benchmarks.load.Connect` does. It waits so that no greeting is left to be sent
    when the next load is measured.
    """


class Beat(Visit, tag=True, kw_only=True):
    """Each client sends HEARTBEAT and, when HEARTBEAT_ACK comes, the next one.

    Measures what `benchmarks.load.Echo` does.
    """


Closing = Arrive | Beat


async def work_off(load: Closing) -> Measured:
    """Run a load in this process."""
    if isinstance(load, Arrive):
        return await come_and_go(load, load.urls, is_greeted=True)
    clients = await open_greeted_clients(load.urls)
    return await exchange(
        load,
        clients,
        HEARTBEAT,
        lambda frame: frame.get_payload_as_bytes().startswith(HEARTBEAT_ACK),
    )


if __name__ == "__main__":
    serve(lambda text: work_off(msgspec.json.decode(text, type=Closing)))

"""The load of kept messages: pushes of QoS 1, and clients that acknowledge them.

    python -m benchmarks.keeping LOAD

As `benchmarks.load`, of which it is a part in a module of its own. What is pushed, what arrives and
what the receipts say is checked on the way: each client gets each message, in order and once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from picows import WSCloseCode, WSFrame, WSMsgType

from benchmarks.load.clients import (
    Client,
    address_of,
    check_open,
    now,
    open_clients,
    open_named_clients,
)
from benchmarks.load.http_client import Http
from benchmarks.load.process import serve
from benchmarks.load.window import quantiles
from cloudpush import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.load import Measured

_LOOK_SECONDS: Final = 0.05
"""How often is asked whether all is done: seldom enough to cost what is measured nothing."""

_PATIENCE_SECONDS: Final = 60.0
_BATCH: Final = 100
_RECEIPTS_PAGE: Final = 500
_BUSINESS: Final = 1
_AWAY: Final = "/v1/clients/away"


class Acknowledge(msgspec.Struct, tag=True, kw_only=True):
    """Pushes to all clients, who acknowledge at once, and again when all is acknowledged.

    Measures `got_p50`, from before the request until a client has the message and sends its
    acknowledgement; and `p50` and `p99`, until the service takes it: the time of the receipt
    `delivered`, to the millisecond, read when all is over.
    """

    url: str
    clients: int
    rounds: int
    warmup_rounds: int = 1


class Resume(msgspec.Struct, tag=True, kw_only=True):
    """Pushes to a client that is away, and has it come back to where it stood; several times.

    Measures `last`: from before it connects until it has all that it missed, acknowledging every
    text as it comes. The median of the rounds.
    """

    url: str
    messages: int
    rounds: int
    is_batched: bool


Keeping = Acknowledge | Resume


class Envelope(msgspec.Struct, rename="camel"):
    """What these clients read of an envelope: BUSINESS and CONNECTION."""

    msg_type: int
    epoch: str = ""
    seq: int = 0
    after: int | None = None
    resumed: bool = False


class Receipt(msgspec.Struct):
    """What is read of a receipt; the time is in milliseconds since the epoch."""

    at: int


class Receipts(msgspec.Struct):
    """A page of them."""

    receipts: list[Receipt]
    cursor: str | None = None


class Counts(msgspec.Struct):
    """What is read of a message's counts."""

    delivered: int


class Pushed(msgspec.Struct):
    """What is read of a message's record."""

    counts: Counts


class Accepted(msgspec.Struct, rename="camel"):
    """What is read of the answer to a push."""

    message_id: str


class Result(msgspec.Struct):
    """What is read of a batch's part."""

    status: int


class Results(msgspec.Struct):
    """The answer to a batch."""

    results: list[Result]


class Inbox(msgspec.Struct, rename="camel"):
    """What is read of where an inbox stands."""

    last_seq: int
    depth: int


class Away(msgspec.Struct):
    """What is read of the client that comes and goes."""

    inbox: Inbox
    sessions: list[msgspec.Raw]


_Shape = TypeVar("_Shape")
_decoder: msgspec.json.Decoder[Envelope | list[Envelope]]
_decoder = msgspec.json.Decoder(Envelope | list[Envelope])


class Reader:
    """A client's place in its inbox: takes what follows, and acknowledges it."""

    def __init__(self, seq: int = 0) -> None:
        """Stand at a seq."""
        self.seq: int = seq
        self.connection: Envelope | None = None
        self.arrived_at = 0.0

    def take(self, client: Client, frame: WSFrame) -> bool:
        """Take a text; tell whether it brought messages that were new.

        Raises:
            ConnectionError: A message is missing before one of them.
        """
        decoded = _decoder.decode(frame.get_payload_as_bytes())
        before = self.seq
        for each in decoded if isinstance(decoded, list) else [decoded]:
            if each.msg_type != _BUSINESS:
                self.connection = each
            elif each.seq > self.seq:
                if self.seq < (each.seq - 1 if each.after is None else each.after):
                    raise ConnectionError(f"{each.seq} came after {self.seq}")
                self.seq = each.seq
        if self.seq == before:
            return False
        client.transport.send(WSMsgType.TEXT, b'{"msgType":2,"seq":%d}' % self.seq)
        self.arrived_at = now()
        return True


class Service:
    """The push service's API, as far as kept messages need it."""

    def __init__(self, url: str) -> None:
        """Take the WebSocket URL, beside which the API is."""
        self._http = Http(address_of(url))

    async def push(self, clients: Sequence[str]) -> str:
        """Push to clients; return the message's id."""
        body = msgspec.json.encode(_message(clients))
        answer = await self._http.ask("POST", "/v1/messages", body)
        return msgspec.json.decode(answer, type=Accepted).message_id

    async def push_many(self, client: str, count: int) -> None:
        """Push so many messages to a client, in batches."""
        for start in range(0, count, _BATCH):
            batch = [_message([client])] * min(_BATCH, count - start)
            body = msgspec.json.encode({"messages": batch})
            answer = await self._http.ask("POST", "/v1/messages:batch", body)
            statuses = {each.status for each in msgspec.json.decode(answer, type=Results).results}
            if statuses != {202}:
                raise ConnectionError(f"pushes of a batch were answered {statuses}")

    async def wait_for(
        self, path: str, shape: type[_Shape], is_so: Callable[[_Shape], bool]
    ) -> None:
        """Ask for a resource until it is as wanted."""
        patience_ends = now() + _PATIENCE_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            answer = await self._http.ask("GET", path)
            if is_so(msgspec.json.decode(answer, type=shape)):
                return
            if now() > patience_ends:
                raise ConnectionError(f"{path} stayed {answer.decode()[:500]}")

    async def read_delivered(self, message_id: str) -> list[int]:
        """Return when each recipient's acknowledgement was taken, in milliseconds."""
        path = f"/v1/messages/{message_id}/receipts?state=delivered&limit={_RECEIPTS_PAGE}"
        times: list[int] = []
        cursor = ""
        while True:
            answer = await self._http.ask("GET", path + cursor)
            page = msgspec.json.decode(answer, type=Receipts)
            times += [each.at for each in page.receipts]
            if page.cursor is None:
                return times
            cursor = f"&cursor={page.cursor}"


def _message(clients: Sequence[str]) -> dict[str, object]:
    return {"target": {"clients": clients}, "msg": {"text": "x" * 64}, "qos": 1}


async def acknowledge(load: Acknowledge) -> Measured:
    """Run `Acknowledge`."""
    names = [f"client-{number}" for number in range(load.clients)]
    clients = await open_named_clients(load.url, load.clients)
    service, readers = Service(load.url), {client: Reader() for client in clients}

    def on_text(client: Client, frame: WSFrame) -> None:
        readers[client].take(client, frame)

    for client in clients:
        client.on_text = on_text
    got: list[float] = []
    taken: list[float] = []
    for number in range(load.warmup_rounds + load.rounds):
        started, started_ms = now(), clock.now_ms()
        message_id = await service.push(names)
        await service.wait_for(
            f"/v1/messages/{message_id}",
            Pushed,
            lambda pushed: pushed.counts.delivered == load.clients,
        )
        if number >= load.warmup_rounds:
            times = await service.read_delivered(message_id)
            if len(times) != load.clients:
                raise ConnectionError(f"{len(times)} receipts of {load.clients}")
            got += [reader.arrived_at - started for reader in readers.values()]
            taken += [(at_ms - started_ms) / 1e3 for at_ms in times]
    check_open(clients)
    return {**quantiles(taken), "got_p50": quantiles(got)["p50"]}


async def resume(load: Resume) -> Measured:
    """Run `Resume`."""
    service, url = Service(load.url), f"{load.url}?channelId=away"
    if load.is_batched:
        url += "&batch=1"
    reader = await _come_and_go(url, service, Reader(), lambda each: each.connection is not None)
    assert reader.connection is not None
    reader.seq = reader.connection.seq
    took: list[float] = []
    for _ in range(load.rounds):
        assert reader.connection is not None
        last = reader.seq + load.messages
        await service.push_many("away", load.messages)
        await service.wait_for(_AWAY, Away, lambda away, last=last: away.inbox.last_seq == last)
        place = f"&epoch={reader.connection.epoch}&seq={reader.seq}"
        started = now()
        reader = await _come_and_go(
            url + place, service, Reader(reader.seq), lambda each, last=last: each.seq == last
        )
        if reader.connection is None or not reader.connection.resumed:
            raise ConnectionError(f"not resumed at {place}")
        took.append(reader.arrived_at - started)
    return {"last": sorted(took)[len(took) // 2] * 1e3}


async def _come_and_go(
    url: str, service: Service, reader: Reader, is_enough: Callable[[Reader], bool]
) -> Reader:
    """Connect, read until it is enough and acknowledged, close, and wait until it is noticed."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_text(client: Client, frame: WSFrame) -> None:
        reader.take(client, frame)
        if is_enough(reader) and not done.done():
            done.set_result(None)

    [client] = await open_clients([url], on_text)
    await asyncio.wait_for(done, _PATIENCE_SECONDS)
    await service.wait_for(_AWAY, Away, lambda away: not away.inbox.depth)
    client.transport.send_close(WSCloseCode.OK)
    await service.wait_for(_AWAY, Away, lambda away: not away.sessions)
    return reader


async def work_off(load: Keeping) -> Measured:
    """Run a load in this process."""
    return await (acknowledge(load) if isinstance(load, Acknowledge) else resume(load))


if __name__ == "__main__":
    serve(lambda text: work_off(msgspec.json.decode(text, type=Keeping)))

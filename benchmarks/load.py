"""The load generator: WebSocket clients on picows and uvloop, in a process of their own.

    python -m benchmarks.load LOAD

`LOAD` is one of the classes below as JSON; the answer is one line of JSON on standard output, a
name and a number each. All times are in milliseconds. An error of any client ends the run: figures
of a server that fails are worth nothing.

Its own ceiling on two cores that it shares with the server is far above what is measured with it:
some 180,000 messages and 19,000 connects a second.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import resource
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import msgspec
import psutil
import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType] — its `kwargs` have no type
)

from benchmarks.servers import ROOT, BenchmarkFailed, shell_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    Measured = dict[str, float]
    OnText = Callable[["Client", WSFrame], None]

STEP: Final = 50
"""How many handshakes are on their way at once where clients are opened."""

_SETTLE_SECONDS = 2.0
_ANSWER_SECONDS = 30.0
_NUMBER = re.compile(rb'"number":(\d+)')


class Echo(msgspec.Struct, tag=True, kw_only=True):
    """Each client sends a text and, when an answer comes, the next one.

    Measures `p50`, `p99`, `per_second`, and `cpu_us`: the CPU time that the server and its children
    spend on one message.
    """

    url: str
    pid: int
    clients: int
    text: str
    seconds: float
    warmup_seconds: float = 1.0


class Connect(msgspec.Struct, tag=True, kw_only=True):
    """Each worker opens a connection, closes it cleanly, and opens the next one.

    Measures `p50`, `p99` (until the handshake is answered), `per_second`, and `cpu_us`.
    """

    url: str
    pid: int
    workers: int
    seconds: float
    warmup_seconds: float = 1.0


class Hold(msgspec.Struct, tag=True, kw_only=True):
    """Opens clients that do nothing.

    Measures `kib`: the memory (PSS) of the server's own process, not of its children, that each
    costs. The first clients, who warm the server up, are not counted, and stay. With `is_family`
    the children count too, and `base_mib` is what all have when the first clients are there.
    """

    url: str
    pid: int
    clients: int
    warmup_clients: int = 500
    is_family: bool = False


class Greet(msgspec.Struct, tag=True, kw_only=True):
    """Connects one client and waits for its CONNECTION. Measures nothing."""

    url: str


class Publishing(msgspec.Struct, kw_only=True):
    """How a server is told to publish: the push service's own way, or another server's."""

    url: str
    body: str
    """JSON in which `NUMBER` stands for the number of the publication."""
    is_named: bool = True
    """Whether a client connects with `channelId` and is greeted; else it is there once accepted."""


class Push(msgspec.Struct, tag=True, kw_only=True):
    """Publishes to one client by HTTP, and again when it has it and the request is answered.

    Measures `p50` and `p99` from before the request until the client has it, `answer_p50` until the
    request is answered, and `per_second`.
    """

    url: str
    publishing: Publishing
    seconds: float
    warmup_seconds: float = 1.0


class Broadcast(msgspec.Struct, tag=True, kw_only=True):
    """Publishes to all clients by HTTP, several times.

    Measures `first`, `median` and `last`: from before the request until the first, half and all
    of the clients have it; of each, the median of the rounds. A round of warm-up precedes them.
    """

    url: str
    publishing: Publishing
    clients: int
    rounds: int


Load = Echo | Connect | Hold | Greet | Push | Broadcast


def to_one(port: int) -> Publishing:
    """Return how the push service is told to push to one client."""
    return _send(port, {"to": ["client-0"], "msg": {"number": "NUMBER", "text": "x" * 64}})


def to_all(port: int) -> Publishing:
    """Return how the push service is told to push to all."""
    return _send(port, {"sendToAll": True, "msg": {"number": "NUMBER", "text": "x" * 64}})


def _send(port: int, body: Mapping[str, object]) -> Publishing:
    text = json.dumps(body).replace('"NUMBER"', "NUMBER")
    return Publishing(url=f"http://127.0.0.1:{port}/message/send", body=text)


def run(load: msgspec.Struct) -> Measured:
    """Run a load in a process of its own: the module that its class is in.

    Raises:
        BenchmarkFailed: A client met an error.
    """
    process = subprocess.run(
        [sys.executable, "-m", type(load).__module__, msgspec.json.encode(load).decode()],
        cwd=ROOT,
        env=shell_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise BenchmarkFailed(f"{load}: {process.stderr.strip()[-1000:]}")
    return json.loads(process.stdout)


def now() -> float:
    """Return seconds on the clock that all of this is measured with."""
    return time.perf_counter()


def address_of(url: str) -> tuple[str, int]:
    """Return host and port."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


class Client(WSListener):
    """One WebSocket, its texts as calls of `on_text`."""

    __slots__ = ("is_closed", "on_text", "opened", "transport")

    transport: WSTransport

    def __init__(self, on_text: OnText | None) -> None:
        """Take who wants its texts, from the first one on."""
        self.is_closed = False
        self.on_text = on_text

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand a text on."""
        if frame.msg_type is WSMsgType.TEXT:
            if self.on_text is not None:
                self.on_text(self, frame)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note that it is over."""
        del transport
        self.is_closed = True


async def open_clients(urls: Sequence[str], on_text: OnText | None = None) -> list[Client]:
    """Open a client for each URL, `STEP` at once."""
    gate = asyncio.Semaphore(STEP)

    async def open_one(url: str) -> Client:
        async with gate:
            _, client = await ws_connect(
                lambda: Client(on_text),
                url,
                websocket_handshake_timeout=_ANSWER_SECONDS,
                read_buffer_init_size=1024,
            )
        assert isinstance(client, Client)
        return client

    return list(await asyncio.gather(*map(open_one, urls)))


def check_open(clients: Sequence[Client]) -> None:
    """Fail if a client was disconnected."""
    closed = sum(client.is_closed for client in clients)
    if closed:
        raise ConnectionError(f"{closed} of {len(clients)} connections were lost")


class Window:
    """The time in which it counts: latencies, and CPU time of a server and its children."""

    def __init__(self, pid: int) -> None:
        """Open it."""
        self.latencies: list[float] = []
        self._pid = pid
        self._cpu = _cpu_seconds(pid)
        self._opened = now()

    def close(self) -> Measured:
        """Return what was seen."""
        seconds, cpu = now() - self._opened, _cpu_seconds(self._pid) - self._cpu
        count = len(self.latencies)
        if not count:
            raise ConnectionError("nothing came back")
        return {
            **quantiles(self.latencies),
            "per_second": count / seconds,
            "cpu_us": cpu / count * 1e6,
        }


def quantiles(latencies: list[float]) -> Measured:
    """Return p50 and p99 in milliseconds of latencies in seconds."""
    latencies.sort()
    last = len(latencies) - 1
    return {
        name: latencies[min(last, int(share * len(latencies)))] * 1e3
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def _cpu_seconds(pid: int) -> float:
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time.user + time.system for time in times)


async def echo(load: Echo) -> Measured:
    """Run `Echo`."""
    clients = await open_clients([load.url] * load.clients)
    text = load.text.encode()
    sent_at = dict.fromkeys(clients, 0.0)
    window: Window | None = None

    def on_text(client: Client, frame: WSFrame) -> None:
        t = now()
        if frame.payload_size != len(text):
            client.transport.disconnect()  # an error frame, which is no echo
            return
        if window is not None:
            window.latencies.append(t - sent_at[client])
        sent_at[client] = now()
        client.transport.send(WSMsgType.TEXT, text)

    for client in clients:
        client.on_text, sent_at[client] = on_text, now()
        client.transport.send(WSMsgType.TEXT, text)
    await asyncio.sleep(load.warmup_seconds)
    window = Window(load.pid)
    await asyncio.sleep(load.seconds)
    measured = window.close()
    check_open(clients)
    return measured


class Handshake(asyncio.Protocol):
    """A handshake, a close frame, its answer: as little as a client can do."""

    CLOSE = b"\x88\x82\0\0\0\0" + struct.pack("!H", 1000)
    _transport: asyncio.Transport

    def __init__(self, request: bytes) -> None:
        """Take the handshake's bytes."""
        self._request = request
        self._received = b""
        self._accepted_at = 0.0
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """When the handshake was answered; set when the connection is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is a class of its own
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Close once accepted, and end once the close is answered."""
        if self._accepted_at:
            if data.startswith(b"\x88"):
                self._transport.close()
            return
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        if self._received.startswith(b"HTTP/1.1 101"):
            self._accepted_at = now()
            self._transport.write(self.CLOSE)
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self.done.done():
            return
        if self._accepted_at:
            self.done.set_result(self._accepted_at)
        else:
            answer = self._received.partition(b"\r\n")[0].decode("latin-1")
            self.done.set_exception(exc or ConnectionError(f"answered {answer!r}"))


async def connect(load: Connect) -> Measured:
    """Run `Connect`."""
    loop, parts = asyncio.get_running_loop(), urlsplit(load.url)
    request = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    window: Window | None = None
    is_over = False

    async def work() -> None:
        while not is_over:
            started = now()
            _, handshake = await loop.create_connection(
                lambda: Handshake(request), *address_of(load.url)
            )
            accepted_at = await asyncio.wait_for(handshake.done, _ANSWER_SECONDS)
            if window is not None and not is_over:
                window.latencies.append(accepted_at - started)

    async with asyncio.TaskGroup() as workers:
        for _ in range(load.workers):
            workers.create_task(work())
        await asyncio.sleep(load.warmup_seconds)
        window = Window(load.pid)
        await asyncio.sleep(load.seconds)
        measured = window.close()
        is_over = True
    return measured


async def hold(load: Hold) -> Measured:
    """Run `Hold`."""
    first = await open_clients([load.url] * load.warmup_clients)
    await asyncio.sleep(_SETTLE_SECONDS)
    before = _pss(load)
    clients = await open_clients([load.url] * load.clients)
    await asyncio.sleep(_SETTLE_SECONDS)
    grown = _pss(load) - before
    check_open([*first, *clients])
    return {"kib": grown / load.clients / 2**10, "base_mib": before / 2**20}


def _pss(load: Hold) -> int:
    """Return the proportional set size in bytes."""
    server = psutil.Process(load.pid)
    children = server.children(recursive=True) if load.is_family else []
    return sum(process.memory_full_info().pss for process in (server, *children))


class Http(asyncio.Protocol):
    """A keep-alive HTTP/1.1 client with one request on its way."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Take host and port."""
        self._address = address
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask, and return the body of the answer, which must be of success."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, *self._address)
        self._received, self._answer = b"", loop.create_future()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._address[0]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        status, answer = await asyncio.wait_for(self._answer, _ANSWER_SECONDS)
        if status // 100 != 2:
            text = answer.decode()[-300:]
            raise ConnectionError(f"{method} {path} was answered {status}: {text}")
        return answer

    def data_received(self, data: bytes) -> None:
        """Read an answer, which tells its length."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        is_whole = bool(end) and len(body) >= int(length)
        if is_whole and self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head.split(b" ", 2)[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; the next request opens a new connection."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("no answer to a request"))


class Publisher:
    """Publishes as it is told."""

    def __init__(self, publishing: Publishing) -> None:
        """Take what to ask for, and where."""
        self._http = Http(address_of(publishing.url))
        self._path = urlsplit(publishing.url).path
        self._body = publishing.body

    async def publish(self, number: int) -> None:
        """Publish, and wait for the answer, which must be of success."""
        data = self._body.replace("NUMBER", str(number)).encode()
        await self._http.ask("POST", self._path, data)


class Inbox:
    """Counts who has the push with the current number."""

    def __init__(self, clients: Sequence[Client]) -> None:
        """Listen to the clients."""
        self._wanted = len(clients)
        self._number = -1
        self._all = asyncio.Event()
        self.arrivals: list[float] = []
        for client in clients:
            client.on_text = self._take

    def expect(self, number: int) -> None:
        """Forget what was, and count this number."""
        self._number = number
        self.arrivals = []
        self._all.clear()

    async def wait(self) -> None:
        """Wait until everybody has it."""
        try:
            await asyncio.wait_for(self._all.wait(), _ANSWER_SECONDS)
        except TimeoutError:
            text = f"{len(self.arrivals)} of {self._wanted} got push {self._number} in time"
            raise ConnectionError(text) from None

    def _take(self, client: Client, frame: WSFrame) -> None:
        del client
        t = now()
        found = _NUMBER.search(frame.get_payload_as_bytes())
        if found is not None and int(found[1]) == self._number:
            self.arrivals.append(t)
            if len(self.arrivals) == self._wanted:
                self._all.set()


async def open_named_clients(url: str, count: int) -> list[Client]:
    """Open clients with ids, and wait until each has its CONNECTION: until then it is pending."""
    greeted, all_greeted = set[Client](), asyncio.Event()

    def on_text(client: Client, frame: WSFrame) -> None:
        del frame
        greeted.add(client)
        if len(greeted) == count:
            all_greeted.set()

    urls = [f"{url}?channelId=client-{number}" for number in range(count)]
    clients = await open_clients(urls, on_text)
    try:
        await asyncio.wait_for(all_greeted.wait(), _ANSWER_SECONDS)
    except TimeoutError:
        raise ConnectionError(f"{len(greeted)} of {count} clients were greeted") from None
    return clients


async def open_subscribers(load: Push | Broadcast, count: int) -> list[Client]:
    """Open clients to whom a publication goes."""
    if load.publishing.is_named:
        return await open_named_clients(load.url, count)
    clients = await open_clients([load.url] * count)
    await asyncio.sleep(_SETTLE_SECONDS)  # nothing tells that a subscription has come about
    return clients


async def push(load: Push) -> Measured:
    """Run `Push`."""
    clients = await open_subscribers(load, 1)
    inbox, publisher = Inbox(clients), Publisher(load.publishing)
    latencies: list[float] = []
    answers: list[float] = []
    counts_from = now() + load.warmup_seconds
    ends = counts_from + load.seconds
    number = 0
    while (started := now()) < ends:
        number += 1
        inbox.expect(number)
        await publisher.publish(number)
        answered = now()
        await inbox.wait()
        if started >= counts_from:
            latencies.append(inbox.arrivals[0] - started)
            answers.append(answered - started)
    check_open(clients)
    measured = quantiles(latencies)
    return {
        **measured,
        "answer_p50": quantiles(answers)["p50"],
        "per_second": len(latencies) / load.seconds,
    }


async def broadcast(load: Broadcast) -> Measured:
    """Run `Broadcast`."""
    clients = await open_subscribers(load, load.clients)
    inbox, publisher = Inbox(clients), Publisher(load.publishing)
    rounds: dict[str, list[float]] = {"first": [], "median": [], "last": []}
    for number in range(load.rounds + 1):
        inbox.expect(number)
        started = now()
        await publisher.publish(number)
        await inbox.wait()
        if number:
            took = [arrival - started for arrival in inbox.arrivals]
            rounds["first"].append(took[0] * 1e3)
            rounds["median"].append(took[len(took) // 2] * 1e3)
            rounds["last"].append(took[-1] * 1e3)
    check_open(clients)
    return {name: sorted(values)[len(values) // 2] for name, values in rounds.items()}


async def work_off(load: Load) -> Measured:
    """Run a load in this process."""
    match load:
        case Echo():
            return await echo(load)
        case Connect():
            return await connect(load)
        case Hold():
            return await hold(load)
        case Greet():
            await open_named_clients(load.url, 1)
            return {}
        case Push():
            return await push(load)
        case Broadcast():
            return await broadcast(load)


def serve(measure: Callable[[str], Coroutine[None, None, Measured]]) -> None:
    """Run the load of the command line, which is JSON, and print what it measured."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    try:
        measured = uvloop.run(measure(sys.argv[1]))
    except* (OSError, TimeoutError) as errors:
        sys.exit(f"{sys.argv[1]}: {errors.exceptions[0]!r}")
    print(json.dumps(measured))


if __name__ == "__main__":
    serve(lambda text: work_off(msgspec.json.decode(text, type=Load)))

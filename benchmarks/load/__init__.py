"""The load generator: WebSocket clients on picows and uvloop, in a process of their own.

    python -m benchmarks.load LOAD

`LOAD` is one of the classes below as JSON; the answer is one line of JSON on standard output, a
name and a number each. All times are in milliseconds. An error of any client ends the run: figures
of a server that fails are worth nothing.

Its own ceiling on two cores that it shares with the server is far above what is measured with it:
some 180,000 messages and 19,000 connects a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from benchmarks.servers import ROOT, BenchmarkFailed, shell_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    Measured = dict[str, float]


class Timed(msgspec.Struct, kw_only=True):
    """A load that goes on for some seconds, on a server whose CPU time counts."""

    url: str
    pid: int
    seconds: float
    warmup_seconds: float = 1.0


class Echo(Timed, tag=True, kw_only=True):
    """Each client sends a text and, when an answer comes, the next one.

    Measures `p50`, `p99`, `per_second`, and `cpu_us`: the CPU time that the server and its children
    spend on one message.
    """

    clients: int
    text: str


class Connect(Timed, tag=True, kw_only=True):
    """Each worker opens a connection, closes it cleanly, and opens the next one.

    Measures `p50`, `p99` (until the handshake is answered), `per_second`, and `cpu_us`.
    """

    workers: int


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


class Singles(msgspec.Struct, tag=True, kw_only=True):
    """Publishes to one client at a steady rate, whatever the server does, and to all beside it.

    A publication to all begins when the one before has arrived. Measures `p50` and `p99` of those
    to one, from when each was due until the client has it, and `all_per_second`: what of those to
    all arrived meanwhile. Without `to_all` there are none.
    """

    url: str
    to_one: Publishing
    to_all: Publishing | None
    clients: int
    per_second: float
    seconds: float
    warmup_seconds: float = 1.0


Load = Echo | Connect | Hold | Greet | Push | Broadcast | Singles


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
        raise BenchmarkFailed(f"{load}:\n{process.stderr.strip()[-1000:]}")
    return json.loads(process.stdout)

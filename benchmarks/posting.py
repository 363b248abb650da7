"""How many posts to `@connections` one second of CPU buys, ours beside boto3's.

    .venv/bin/python -m benchmarks.posting [--tls] [--posts 20000] [--rounds 5] [--json FILE]

A sink, in a process of its own whose CPU is not counted, answers every request as the gateway
does. Each round is a fresh process that posts in calls of 100, each post to a connection of
its own with a body of its own, after a warm-up that opens the lines. The rounds of the ways
alternate, so that a slow minute of the machine meets all of them; the table shows medians.
Ways whose library is not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from benchmarks.posts import (
    ACCESS_KEY,
    CALL_SIZE,
    SECRET_KEY,
    SERVICE,
    TOKEN,
    calls_of,
    make_posts,
    measure,
    print_rates,
)
from benchmarks.servers import ROOT
from cloudpush.management import HttpManagementApi
from cloudpush.ports import Outcome, Post
from tests.fakes.certificates import make_contexts
from tests.fakes.credentials import StaticCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from benchmarks.posts import Clocks

ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\n"
    b"Date: Mon, 06 Jan 2025 10:00:00 GMT\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: 0\r\n"
    b"Connection: keep-alive\r\n"
    b"x-amzn-RequestId: 6f0d7a0e-7d2f-4b0f-9c0d-2a5d3c1e8b11\r\n"
    b"x-amz-apigw-id: PJqB0E1tKRcF-Qw=\r\n"
    b"X-Amzn-Trace-Id: Root=1-677ba8c0-5e1b3c4d2f6a7b8c9d0e1f20\r\n"
    b"\r\n"
)

CREDENTIALS: Final = StaticCredentials(ACCESS_KEY, SECRET_KEY, TOKEN)


class Sink(asyncio.Protocol):
    """Answers each request when its body is whole."""

    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is whole, keep the rest."""
        data = self._pending + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = data[:end].lower().partition(b"\r\ncontent-length: ")[2]
            size = end + 4 + int(length.partition(b"\r\n")[0] or b"0")
            if len(data) < size:
                break
            self._transport.write(ANSWER)
            data = data[size:]
        self._pending = data


async def serve_sink(certificate: str | None) -> None:
    """Serve until the parent closes standard input; print the port first."""
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, ssl=context, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


async def post_ours(url: str, posts: list[Post], clocks: Clocks) -> None:
    """Post with `HttpManagementApi`."""
    context = ssl.create_default_context() if url.startswith("https") else None
    if context:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    api = HttpManagementApi(url, credentials=CREDENTIALS, region="us-east-1", ssl_context=context)
    await api.post_to_connections(posts[:1000])
    measure(clocks)
    for call in calls_of(posts):
        outcomes = await api.post_to_connections(call)
        assert all(outcome is Outcome.SENT for outcome in outcomes)
    measure(clocks)
    await api.aclose()


def post_boto3(url: str, posts: list[Post], clocks: Clocks) -> None:
    """Post with boto3, one after the other: threads make it slower."""
    import boto3  # noqa: PLC0415 — each round loads only what it measures

    session: Any = boto3.Session()  # the stubs know its services one by one
    client = session.client(SERVICE, **client_options(url))
    for post in posts[:100]:
        client.post_to_connection(ConnectionId=post.connection_id, Data=post.data)
    measure(clocks)
    for post in posts:
        client.post_to_connection(ConnectionId=post.connection_id, Data=post.data)
    measure(clocks)
    client.close()


class ClientOptions(TypedDict):
    """What boto3 and aiobotocore need to make a client."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str | None
    verify: bool


def client_options(url: str) -> ClientOptions:
    """Return the options of a client that signs as ours does, and trusts the sink."""
    return {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": CREDENTIALS.access_key,
        "aws_secret_access_key": CREDENTIALS.secret_key,
        "aws_session_token": CREDENTIALS.token,
        "verify": False,
    }


def run_on_uvloop(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop's event loop."""
    import uvloop  # noqa: PLC0415 — only where it is installed

    uvloop.run(main)


Way = tuple[str, "Callable[[str, list[Post], Clocks], None]", int]

WAYS: Final[dict[str, Way]] = {
    # name: what it needs, how it posts, and its share of the posts
    "boto3": ("boto3", post_boto3, 10),
    "ours, asyncio": (
        "asyncio",
        lambda url, posts, clocks: asyncio.run(post_ours(url, posts, clocks)),
        1,
    ),
    "ours, uvloop": (
        "uvloop",
        lambda url, posts, clocks: run_on_uvloop(post_ours(url, posts, clocks)),
        1,
    ),
}


def run_round(way: str, url: str, count: int) -> None:
    """Post in this process, and print what it took as JSON."""
    clocks: Clocks = []
    _, post, share = WAYS[way]
    posts = [Post(*each) for each in make_posts(max(count // share, CALL_SIZE))]
    post(url, posts, clocks)
    print_rates(len(posts), clocks)


@contextmanager
def running_sink(*, is_tls: bool) -> Generator[str]:
    """Run the sink in a process of its own, and return its URL."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.posting", "--sink"]
        if is_tls:
            make_contexts(Path(folder))
            command += ["--certificate", str(Path(folder, "server.pem"))]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as sink:
            assert sink.stdout is not None
            port = int(sink.stdout.readline())
            yield f"{'https' if is_tls else 'http'}://127.0.0.1:{port}/dev"
            sink.communicate()  # closes its standard input: it ends


def run_way(way: str, url: str, count: int) -> dict[str, float]:
    """Run one round in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.posting"]
    options = ["--round", way, "--url", url, "--posts", str(count)]
    return json.loads(subprocess.check_output([*command, *options], cwd=ROOT, text=True))


def run_rounds(arguments: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Run every installed way `rounds` times against one sink."""
    ways = [way for way, (needs, _, _) in WAYS.items() if importlib.util.find_spec(needs)]
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with running_sink(is_tls=arguments.tls) as url:
        for _ in range(arguments.rounds):
            for way in ways:
                rounds[way].append(run_way(way, url, arguments.posts))
    return rounds


def report(rounds: dict[str, list[dict[str, float]]], arguments: argparse.Namespace) -> None:
    """Print the table of medians, and write it as JSON if asked to."""
    medians = {
        way: {key: statistics.median(each[key] for each in results) for key in results[0]}
        for way, results in rounds.items()
    }
    floor = medians["boto3"]["posts_per_cpu_second"]
    print(f"{'':16}{'posts/CPU s':>12}{'x boto3':>9}{'posts/s':>10}")
    for way, median in medians.items():
        median["ratio_to_boto3"] = median["posts_per_cpu_second"] / floor
        print(
            f"{way:16}{median['posts_per_cpu_second']:12,.0f}{median['ratio_to_boto3']:9.1f}"
            f"{median['posts_per_second']:10,.0f}"
        )
    if arguments.json:
        result = {"tls": arguments.tls, "rounds": arguments.rounds, "ways": medians}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    """Run the benchmark, or the part of it that a child process is for."""
    parser = argparse.ArgumentParser(description="posts to @connections per CPU second")
    parser.add_argument("--posts", type=int, default=20_000, help="posts a round; boto3 a tenth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tls", action="store_true", help="HTTPS instead of HTTP")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians there")
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--certificate", help=argparse.SUPPRESS)
    parser.add_argument("--round", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        asyncio.run(serve_sink(arguments.certificate))
    elif arguments.round:
        run_round(arguments.round, arguments.url, arguments.posts)
    else:
        report(run_rounds(arguments), arguments)


if __name__ == "__main__":
    main()

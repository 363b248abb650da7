"""How many posts to `@connections` one second of CPU buys, ours beside boto3's.

    .venv/bin/python benchmarks/posting.py [--tls] [--posts 20000] [--rounds 5] [--json FILE]

A sink, in a process of its own whose CPU is not counted, answers every request as the gateway
does. Each round is a fresh process that posts in calls of 100, each post to a connection of
its own with a body of its own, after a warm-up that opens the lines. The rounds of the ways
alternate, so that a slow minute of the machine meets all of them; the table shows medians.
Ways whose library is not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from cloudpush.management import HttpManagementApi
from cloudpush.ports import Outcome, Post
from tests.fakes.certificates import make_contexts
from tests.fakes.credentials import StaticCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

CALL_SIZE: Final = 100
"""Posts in a call: what a Delivery job carries at most."""

SERVICE: Final = "apigatewaymanagementapi"

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


CREDENTIALS: Final = StaticCredentials(token="IQoJb3JpZ2luX2VjE" * 24)
"""With a token as long as on Lambda."""


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


def make_posts(count: int) -> list[Post]:
    """Return posts that all differ, each with an envelope of about 300 bytes."""
    return [
        Post(
            f"PJqB{number:07d}CHlw=",
            json.dumps(
                {
                    "msgType": 1,
                    "trigger": 1,
                    "to": f"client-{number}",
                    "from": "system",
                    "messageId": f"{number:032x}",
                    "activeTime": 1736157600000 + number,
                    "msg": {"text": "m" * 120},
                }
            ).encode(),
        )
        for number in range(count)
    ]


def calls_of(posts: list[Post]) -> Iterator[list[Post]]:
    """Cut posts into calls."""
    return (posts[start : start + CALL_SIZE] for start in range(0, len(posts), CALL_SIZE))


def measure(clocks: list[tuple[float, float]]) -> None:
    """Note CPU seconds, of all threads, and wall seconds."""
    clocks.append((time.process_time(), time.perf_counter()))


async def post_ours(url: str, posts: list[Post], clocks: list[tuple[float, float]]) -> None:
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


async def post_aiobotocore(url: str, posts: list[Post], clocks: list[tuple[float, float]]) -> None:
    """Post with aiobotocore, a call's posts at once."""
    # Imported by name: it is in no group of ours, so nothing could check its types.
    session: Any = importlib.import_module("aiobotocore.session").get_session()
    config: Any = importlib.import_module("aiobotocore.config").AioConfig(
        max_pool_connections=CALL_SIZE
    )
    async with session.create_client(SERVICE, config=config, **client_options(url)) as client:

        async def post_all(posts: list[Post]) -> None:
            for call in calls_of(posts):
                await asyncio.gather(
                    *(
                        client.post_to_connection(ConnectionId=post.connection_id, Data=post.data)
                        for post in call
                    )
                )

        await post_all(posts[:200])
        measure(clocks)
        await post_all(posts)
        measure(clocks)


def post_boto3(url: str, posts: list[Post], clocks: list[tuple[float, float]]) -> None:
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


Way = tuple[str, "Callable[[str, list[Post], list[tuple[float, float]]], None]", int]

WAYS: Final[dict[str, Way]] = {
    # name: what it needs, how it posts, and its share of the posts
    "boto3": ("boto3", post_boto3, 10),
    "aiobotocore": (
        "aiobotocore",
        lambda url, posts, clocks: asyncio.run(post_aiobotocore(url, posts, clocks)),
        10,
    ),
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
    clocks: list[tuple[float, float]] = []
    _, post, share = WAYS[way]
    posts = make_posts(max(count // share, CALL_SIZE))
    post(url, posts, clocks)
    (cpu_start, wall_start), (cpu_end, wall_end) = clocks
    print(
        json.dumps(
            {
                "posts_per_cpu_second": len(posts) / (cpu_end - cpu_start),
                "posts_per_second": len(posts) / (wall_end - wall_start),
            }
        )
    )


def run_rounds(arguments: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Run every installed way `rounds` times against one sink."""
    ways = [way for way, (needs, _, _) in WAYS.items() if importlib.util.find_spec(needs)]
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", __file__]
        sink_command = [*command, "--sink"]
        if arguments.tls:
            make_contexts(Path(folder))
            sink_command += ["--certificate", str(Path(folder, "server.pem"))]
        with subprocess.Popen(
            sink_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as sink:
            assert sink.stdout is not None
            scheme = "https" if arguments.tls else "http"
            url = f"{scheme}://127.0.0.1:{int(sink.stdout.readline())}/dev"
            for _ in range(arguments.rounds):
                for way in ways:
                    output = subprocess.check_output(
                        [*command, "--round", way, "--url", url, "--posts", str(arguments.posts)],
                        text=True,
                    )
                    rounds[way].append(json.loads(output))
            sink.communicate()  # closes its standard input: it ends
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

"""Posting with aiobotocore or awscrt, in an environment that has them and needs nothing of ours.

.cache/peers/posting/bin/python -m benchmarks.peers.foreign WAY URL POSTS
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from benchmarks.posts import Clocks

    Posts = Sequence[tuple[str, bytes]]

REGION: Final = "us-east-1"
LINES: Final = 32
"""Connections of awscrt: more makes it no faster."""


def post_with_aiobotocore(url: str, posts: Posts, clocks: Clocks) -> None:
    """Post a call's posts at once."""
    asyncio.run(_post_with_aiobotocore(url, posts, clocks))


async def _post_with_aiobotocore(url: str, posts: Posts, clocks: Clocks) -> None:
    # Imported by name: it is in no group of ours, so nothing could check its types.
    session: Any = importlib.import_module("aiobotocore.session").get_session()
    config: Any = importlib.import_module("aiobotocore.config").AioConfig(
        max_pool_connections=CALL_SIZE
    )
    async with session.create_client(
        SERVICE,
        config=config,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=TOKEN,
        verify=False,
    ) as client:

        async def post_all(posts: Posts) -> None:
            for call in calls_of(posts):
                await asyncio.gather(
                    *(client.post_to_connection(ConnectionId=key, Data=data) for key, data in call)
                )

        await post_all(posts[:200])
        measure(clocks)
        await post_all(posts)
        measure(clocks)


def post_with_awscrt(url: str, posts: Posts, clocks: Clocks) -> None:
    """Sign and send a call's posts at once; each line has one on its way and queues the others."""
    auth: Any = importlib.import_module("awscrt.auth")
    http: Any = importlib.import_module("awscrt.http")
    io: Any = importlib.import_module("awscrt.io")
    parts = urlsplit(url)
    tls = None
    if parts.scheme == "https":
        options = io.TlsContextOptions()
        options.verify_peer = False
        tls = io.ClientTlsContext(options).new_connection_options()
    host, port = parts.hostname, parts.port
    opening = [
        http.HttpClientConnection.new(host, port, tls_connection_options=tls) for _ in range(LINES)
    ]
    lines = cycle([each.result() for each in opening])
    provider = auth.AwsCredentialsProvider.new_static(ACCESS_KEY, SECRET_KEY, TOKEN)

    def sign(key: str, data: bytes) -> Future[Any]:
        path = f"{parts.path}/@connections/{quote(key, safe='')}"
        length = ("Content-Length", str(len(data)))
        headers = http.HttpHeaders([("Host", parts.netloc), length])
        body = importlib.import_module("io").BytesIO(data)
        request = http.HttpRequest("POST", path, headers, body)
        config = auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region=REGION,
            service="execute-api",
        )
        return auth.aws_sign_request(request, config)

    def post_all(posts: Posts) -> None:
        for call in calls_of(posts):
            signed = [sign(key, data) for key, data in call]
            streams: list[Any] = []
            for request in signed:
                stream = next(lines).request(request.result())
                stream.activate()
                streams.append(stream.completion_future)
            if any(stream.result() != 200 for stream in streams):
                raise ConnectionError("a post was refused")

    post_all(posts[:1000])
    measure(clocks)
    post_all(posts)
    measure(clocks)


WAYS: Final[dict[str, Callable[[str, Posts, Clocks], None]]] = {
    "aiobotocore": post_with_aiobotocore,
    "awscrt": post_with_awscrt,
}


def main() -> None:
    """Run one round, and print its rates as JSON."""
    _, way, url, count = sys.argv
    posts = make_posts(int(count))
    clocks: Clocks = []
    WAYS[way](url, posts, clocks)
    print_rates(len(posts), clocks)


if __name__ == "__main__":
    main()

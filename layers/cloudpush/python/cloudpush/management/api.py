"""A call of the management API: which posts, in which order, until when, with what outcome."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import Counter
from typing import TYPE_CHECKING, Final, cast

from cloudpush import clock
from cloudpush.management.endpoint import parse_endpoint
from cloudpush.management.line import Exchange
from cloudpush.management.pool import LinePool
from cloudpush.management.signing import Signer
from cloudpush.ports import Outcome, Post

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudpush.management.answer import Answer
    from cloudpush.management.credentials import Credentials

DATA_LIMIT: Final = 128 * 1024
"""The most that one post may carry (API reference, PostToConnection); more is 413."""

PATIENCE_SECONDS: Final = 2.0
"""How long the last twentieth of a call may take once all the others are answered."""

_LAST_SHARE: Final = 20

DELETE_SECONDS: Final = 10.0
"""The deadline of `delete_connection`."""

_CONNECTION_ID: Final = re.compile(r"[A-Za-z0-9_=-]{1,128}")
"""Of what ids are made, as seen on AWS. Nothing else reaches a request line."""

_TRACE_ID: Final = re.compile(r"[A-Za-z0-9=;:+/._-]{1,256}")
"""Of what `Root=…;Parent=…;Sampled=…;Lineage=…` is made."""

_OUTCOMES: Final = {
    200: Outcome.SENT,
    204: Outcome.SENT,  # DELETE (API reference, DeleteConnection)
    408: Outcome.UNAVAILABLE,  # the server gave up reading; the same request may work
    410: Outcome.GONE,
    413: Outcome.TOO_LARGE,
    429: Outcome.THROTTLED,
}
_SERVER_ERRORS: Final = 500

_log = logging.getLogger(__name__)


class HttpManagementApi:
    """`@connections` of one stage over HTTP/1.1, many posts in flight; a `ManagementApi`.

    Lines are opened when a post needs them and live on the event loop that the call runs on.

    Args:
        endpoint_url: `http(s)://host[:port]/{stage}`, or a custom domain with its base path.
        credentials: who signs; `ChainCredentials()` is botocore's chain.
        region: the region that the signature names.
        pool_size: how many lines, and so posts in flight, there may be. At 10 ms a post, 128 of
            them carry 11,000 a second, which is more than an account's quota.
        ssl_context: for https, one for all lines; the default trusts what the system trusts.
        trace_id: tells which event the posts of a call are made for; they carry it, unsigned, as
            those of the SDKs do (botocore, `add_recursion_detection_header`).
        now_ms: the clock.

    Raises:
        ConfigurationWrong: `endpoint_url` is not of that form.
    """

    def __init__(  # noqa: PLR0913 — where to, who signs, how many at once, and what for
        self,
        endpoint_url: str,
        *,
        credentials: Credentials,
        region: str,
        pool_size: int = 128,
        ssl_context: ssl.SSLContext | None = None,
        trace_id: Callable[[], str] = str,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self._endpoint = parse_endpoint(endpoint_url)
        self._credentials = credentials
        self._signer = Signer(host=self._endpoint.authority, region=region)
        self._pool_size = pool_size
        self._ssl_context = ssl_context
        self._trace_id = trace_id
        self._now_ms = now_ms
        self._pool: LinePool | None = None
        self._trace = ""

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        """Post every one of these, many in flight, and return the outcomes in their order.

        A connection id that none can be is `REFUSED`, and more data than 128 KB `TOO_LARGE`,
        without a request. Those without an outcome that says why are logged, once a call.

        Whoever is slow keeps nobody waiting: when nineteen of twenty are answered, the others have
        `PATIENCE_SECONDS` until their deadline.

        Raises:
            ConfigurationWrong: there are no credentials, or none that can stand in a header.
            GatewayUnavailable: the credentials could not be refreshed.
        """
        return await self._perform("POST", posts, deadline_seconds=deadline_seconds)

    async def delete_connection(self, connection_id: str) -> Outcome:
        """Close a connection; `SENT` if it was there, `GONE` if not.

        It takes the way of a post: the lines are open already, and a sweep deletes many, while
        boto3 would cost its import and block the loop for a round trip each.
        """
        [outcome] = await self._perform(
            "DELETE", [Post(connection_id, b"")], deadline_seconds=DELETE_SECONDS
        )
        return outcome

    async def aclose(self) -> None:
        """Close every line; what is under way is `UNAVAILABLE`. A later call opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _perform(
        self, method: str, posts: Sequence[Post], *, deadline_seconds: float
    ) -> Sequence[Outcome]:
        self._signer.use(self._credentials.get_frozen_credentials())
        self._trace = _trace_line(self._trace_id())
        pool = self._pool_of_this_loop()
        call = _Call(method, posts, done=pool.loop.create_future())
        timer = pool.loop.call_later(deadline_seconds, call.abandon)
        try:
            pool.submit(call.first)
            await call.done
        finally:
            timer.cancel()
            if call.last_timer is not None:
                call.last_timer.cancel()
            call.abandon()  # does something only if the caller was cancelled
            call.let_go()
        if call.troubles:
            _log.warning("%d posts: %s", len(posts), call.describe_troubles())
        return cast("list[Outcome]", call.outcomes)

    def _pool_of_this_loop(self) -> LinePool:
        pool = self._pool
        if pool is None or pool.loop is not asyncio.get_running_loop():
            if self._endpoint.is_tls and self._ssl_context is None:
                # On first use: loading the system's certificates takes some milliseconds.
                self._ssl_context = ssl.create_default_context()
            pool = self._pool = LinePool(
                self._endpoint,
                size=self._pool_size,
                ssl_context=self._ssl_context if self._endpoint.is_tls else None,
                write=self._write,
                now_ms=self._now_ms,
            )
        return pool

    def _write(self, exchange: Exchange) -> bytes:
        """Return the whole request, signed now: a post may have waited for a line."""
        endpoint, body, method = self._endpoint, exchange.body, exchange.method
        connection_id = exchange.connection_id
        signed = self._signer.sign(
            method, endpoint.canonical_path_of(connection_id), body, now_ms=self._now_ms()
        )
        head = (
            f"{method} {endpoint.path_of(connection_id)} HTTP/1.1\r\n"
            f"{signed}{self._trace}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _trace_line(trace_id: str) -> str:
    """Return the header that names the event; it ends the lines before it."""
    return f"\r\nX-Amzn-Trace-Id: {trace_id}" if _TRACE_ID.fullmatch(trace_id) else ""


class _Call:
    """The posts of one call, and what came of them (`ExchangeOwner`)."""

    def __init__(self, method: str, posts: Sequence[Post], *, done: asyncio.Future[None]) -> None:
        self.done = done
        self.outcomes: list[Outcome | None] = [None] * len(posts)
        self.first: list[Exchange] = []
        """What can go out at once: the first post of each connection."""
        self.troubles: Counter[str] = Counter()
        self._exchanges: list[Exchange] = []
        self._add(method, posts)
        self._open = len(self._exchanges)
        self._last = self._open // _LAST_SHARE
        self.last_timer: asyncio.TimerHandle | None = None
        """Ends the wait for the slowest."""
        if not self._open:
            done.set_result(None)

    def _add(self, method: str, posts: Sequence[Post]) -> None:
        last: dict[str, Exchange] = {}
        for index, post in enumerate(posts):
            connection_id, data = post.connection_id, post.data
            if not _CONNECTION_ID.fullmatch(connection_id):
                self.outcomes[index] = Outcome.REFUSED
                self.troubles["not a connection id"] += 1
                continue
            if len(data) > DATA_LIMIT:
                self.outcomes[index] = Outcome.TOO_LARGE
                continue
            exchange = Exchange(self, index, method, connection_id, data)
            self._exchanges.append(exchange)
            previous = last.get(connection_id)
            if previous is None:
                self.first.append(exchange)
            else:
                previous.follower = exchange
            last[connection_id] = exchange

    def finish(self, exchange: Exchange, answer: Answer | str) -> None:
        """Record the outcome of one post; the last one ends the call."""
        if isinstance(answer, str):
            outcome, trouble = Outcome.UNAVAILABLE, answer
        else:
            status, trouble = answer.status, ""
            outcome = _OUTCOMES.get(status) or (
                Outcome.UNAVAILABLE if status >= _SERVER_ERRORS else Outcome.REFUSED
            )
            if outcome is Outcome.UNAVAILABLE or outcome is Outcome.REFUSED:
                # Never the body: that of a wrong signature repeats the session token.
                trouble = f"{status} {answer.error_type}".rstrip()
        self.outcomes[exchange.index] = outcome
        if trouble:
            self.troubles[trouble] += 1
        self._open -= 1
        if self._open > self._last or self.done.done():
            return
        if not self._open:
            self.done.set_result(None)
        elif self._open == self._last:
            loop = self.done.get_loop()
            self.last_timer = loop.call_later(PATIENCE_SECONDS, self.abandon)

    def abandon(self) -> None:
        """Give up what has no outcome: it is `UNAVAILABLE`, and its line cannot be used again."""
        for exchange in self._exchanges if self._open else ():
            if self.outcomes[exchange.index] is None:
                exchange.is_abandoned = True
                if exchange.line is not None:
                    exchange.line.abort("no answer before the deadline")
                self.finish(exchange, "no answer before the deadline")

    def let_go(self) -> None:
        """Forget the exchanges, which know the call: else the collector has to find them."""
        self.first.clear()
        self._exchanges.clear()

    def describe_troubles(self) -> str:
        """Return what kept posts from an outcome of their own, and how often, for the log."""
        return ", ".join(f"{count} x {trouble}" for trouble, count in self.troubles.most_common())

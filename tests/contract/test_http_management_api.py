"""What `HttpManagementApi` owes beyond the port: HTTP, lines, deadlines, and what it logs."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudpush.errors import ConfigurationWrong
from cloudpush.management import HttpManagementApi
from cloudpush.management import api as api_module
from cloudpush.management import pool as pool_module
from cloudpush.ports import Outcome, Post
from tests.fakes.certificates import Contexts, make_contexts
from tests.fakes.credentials import StaticCredentials
from tests.fakes.http_server import Reply, Request, ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ALICE, BOB, CAROL = "PJqB0fHsqRcCHlw=", "L0SM9cOFvHcCIhw=", "-0oXA_dfD0kwCHw="
HELLO = Post(ALICE, b"hello")
OK = answer()


class Clock:
    """Milliseconds that pass when the test says so."""

    now_ms = 1_736_164_800_000

    def __call__(self) -> int:
        return self.now_ms


class Resolver:
    """Knows every name, by these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked_for: list[str] = []

    async def look_up(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        # The event loop asks for addresses as well, when it connects to one.
        if host in self.addresses:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        self.asked_for.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.addresses
        ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def make_api(
    server: ScriptedServer, clock: Clock
) -> AsyncIterator[Callable[..., HttpManagementApi]]:
    made: list[HttpManagementApi] = []

    def make(url: str | None = None, **options: Any) -> HttpManagementApi:  # noqa: ANN401 — its own
        api = HttpManagementApi(
            url or server.url,
            credentials=StaticCredentials(),
            region="eu-west-1",
            now_ms=clock,
            **options,
        )
        made.append(api)
        return api

    yield make
    for api in made:
        await api.aclose()


@pytest.fixture
def api(make_api: Callable[..., HttpManagementApi]) -> HttpManagementApi:
    return make_api()


def many(count: int) -> list[Post]:
    return [Post(f"connection-{number}=", b"%d" % number) for number in range(count)]


async def post(api: HttpManagementApi, *posts: Post) -> list[Outcome]:
    return list(await api.post_to_connections(posts or [HELLO]))


def sign_as_botocore(request: Request) -> str:
    signed = AWSRequest(
        request.method, f"http://{request.headers['host']}{request.path}", data=request.body
    )
    signed.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(*StaticCredentials()), "execute-api", "eu-west-1")
    auth._modify_request_before_signing(signed)  # type: ignore[attr-defined] # not in the stubs
    text = auth.string_to_sign(signed, auth.canonical_request(signed))
    auth._inject_signature_to_request(signed, auth.signature(text, signed))  # type: ignore[attr-defined] # not in the stubs
    return signed.headers["Authorization"]


class TestRequest:
    async def test_post_is_one_signed_request(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)

        [request] = server.requests
        authorization = request.headers.pop("authorization")
        assert request == Request(
            method="POST",
            path="/dev/@connections/PJqB0fHsqRcCHlw%3D",
            headers={
                "host": f"127.0.0.1:{server.port}",
                "x-amz-date": "20250106T120000Z",
                "x-amz-security-token": "IQoJb3JpZ2luX2VjEXAMPLE/+token==",
                "content-length": "5",
            },
            body=b"hello",
            line=0,
        )
        assert authorization == sign_as_botocore(request)

    async def test_post_is_traced_to_the_event_that_it_was_made_for(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        events = iter(["Root=1-67;Parent=5a;Sampled=0", "Root=1-67\r\nX-Other: 1"])
        api = make_api(trace_id=lambda: next(events))
        await post(api)
        await post(api)

        traced, untraced = server.requests
        assert traced.headers["x-amzn-trace-id"] == "Root=1-67;Parent=5a;Sampled=0"
        assert traced.headers["authorization"] == sign_as_botocore(traced)
        assert untraced.headers.keys() == traced.headers.keys() - {"x-amzn-trace-id"}

    async def test_deletion_is_one_signed_request(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n")

        outcome = await api.delete_connection(ALICE)

        [request] = server.requests
        assert outcome is Outcome.SENT
        assert (request.method, request.path, request.body) == (
            "DELETE",
            "/dev/@connections/PJqB0fHsqRcCHlw%3D",
            b"",
        )
        assert request.headers["authorization"] == sign_as_botocore(request)

    @pytest.mark.parametrize("path", ["", "/", "/base/path"])
    async def test_custom_domain_has_any_base_path(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer, path: str
    ) -> None:
        api = make_api(server.url.replace("/dev", path))

        await post(api)

        assert server.requests[0].path == f"{path.rstrip('/')}/@connections/PJqB0fHsqRcCHlw%3D"

    async def test_each_post_is_signed_when_it_goes_out(
        self, api: HttpManagementApi, server: ScriptedServer, clock: Clock
    ) -> None:
        await post(api)
        clock.now_ms += 1000
        await post(api)

        dates = [request.headers["x-amz-date"] for request in server.requests]
        assert dates == ["20250106T120000Z", "20250106T120001Z"]

    async def test_data_of_128_kb_is_sent_and_more_is_not(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        largest = b"x" * 131_072

        outcomes = await post(api, Post(ALICE, largest), Post(BOB, largest + b"x"))

        assert outcomes == [Outcome.SENT, Outcome.TOO_LARGE]
        assert [request.body for request in server.requests] == [largest]


class TestAnswer:
    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (200, Outcome.SENT),
            (301, Outcome.REFUSED),
            (400, Outcome.REFUSED),
            (403, Outcome.REFUSED),
            (404, Outcome.REFUSED),
            (408, Outcome.UNAVAILABLE),
            (410, Outcome.GONE),
            (413, Outcome.TOO_LARGE),
            (429, Outcome.THROTTLED),
            (500, Outcome.UNAVAILABLE),
            (502, Outcome.UNAVAILABLE),
            (503, Outcome.UNAVAILABLE),
            (504, Outcome.UNAVAILABLE),
        ],
    )
    async def test_status_becomes_an_outcome_and_the_line_is_used_again(
        self, api: HttpManagementApi, server: ScriptedServer, status: int, outcome: Outcome
    ) -> None:
        server.script(ALICE, answer(status, body=b'{"message":"..."}'))

        outcomes = [await post(api), await post(api)]

        assert outcomes == [[outcome], [Outcome.SENT]]
        assert [request.line for request in server.requests] == [0, 0]

    @pytest.mark.parametrize(
        ("pieces", "lines"),
        [
            ([OK], [0, 0]),
            ([bytes([byte]) for byte in OK], [0, 0]),
            (
                [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"],
                [0, 0],
            ),
            ([b"HTTP/1.1 100 Continue\r\n\r\n", OK], [0, 0]),
            ([answer(headers={"Connection": "close"})], [0, 1]),
            ([b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"], [0, 1]),
            ([OK + b"more than was asked for"], [0, 1]),
        ],
        ids=["whole", "bytes", "chunked", "continue", "closing", "http-1.0", "too-much"],
    )
    async def test_framing_decides_whether_the_line_is_used_again(
        self, api: HttpManagementApi, server: ScriptedServer, pieces: list[bytes], lines: list[int]
    ) -> None:
        server.script(ALICE, Reply(pieces))

        outcomes = [await post(api), await post(api)]

        assert outcomes == [[Outcome.SENT], [Outcome.SENT]]
        assert [request.line for request in server.requests] == lines

    async def test_answer_without_a_length_ends_with_its_line(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, Reply([b"HTTP/1.1 410 Gone\r\n\r\n", b"body"], closes=True))

        assert await post(api) == [Outcome.GONE]

    @pytest.mark.parametrize(
        "reply",
        [
            Reply([], closes=True),
            Reply([b"HTTP/1.1 2"], closes=True),
            Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"], closes=True),
            Reply([b"HTTP/1.1 100 Continue\r\n\r\n"], closes=True),
            Reply([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]),
            Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"]),
        ],
        ids=["none", "cut-head", "cut-body", "only-interim", "garbage", "two-lengths"],
    )
    async def test_no_answer_on_a_new_line_is_unavailable_and_not_tried_again(
        self, api: HttpManagementApi, server: ScriptedServer, reply: Reply
    ) -> None:
        server.script(ALICE, reply)

        assert await post(api) == [Outcome.UNAVAILABLE]
        assert len(server.requests) == 1
        assert await post(api) == [Outcome.SENT]

    async def test_answer_that_overtakes_its_request_counts_and_ends_the_line(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, Reply([answer(413)], closes=True, is_early=True))

        outcomes = await post(api, Post(ALICE, b"x" * 131_072), Post(ALICE, b"small"))

        assert outcomes == [Outcome.TOO_LARGE, Outcome.SENT]
        assert [request.line for request in server.requests] == [0, 1]

    async def test_bytes_that_nobody_asked_for_end_the_line(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, Reply([OK, b"", answer(408)]))
        await post(api)

        await asyncio.wait_for(server.no_lines.wait(), 5)

        assert await post(api) == [Outcome.SENT]
        assert [request.line for request in server.requests] == [0, 1]


class TestLostLine:
    async def test_line_closed_between_two_posts_costs_nothing(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)
        server.abort_lines()

        assert await post(api) == [Outcome.SENT]
        assert server.opened == 2

    async def test_retry_takes_a_new_line_and_no_other_idle_one(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=3)
        await self._open_lines(api, server, 3)
        server.script(ALICE, Reply([], closes=True))

        assert await post(api) == [Outcome.SENT]
        assert server.requests[-1].line == 3

    async def test_all_lines_lost_under_many_posts_cost_nothing(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=3)
        await self._open_lines(api, server, 3)
        server.abort_lines()

        assert await post(api, *many(50)) == [Outcome.SENT] * 50

    async def test_used_line_that_closes_without_an_answer_is_retried_once(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)
        server.script(BOB, Reply([], closes=True), Reply([], closes=True), OK)

        assert await post(api, Post(BOB, b"hello")) == [Outcome.UNAVAILABLE]
        assert [request.line for request in server.requests] == [0, 0, 1]

    async def test_used_line_that_closes_amid_an_answer_is_not_retried(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)
        server.script(ALICE, Reply([b"H"], closes=True))

        assert await post(api) == [Outcome.UNAVAILABLE]
        assert len(server.requests) == 2

    async def test_retry_with_nobody_to_connect_to_is_unavailable(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)
        await server.__aexit__()

        assert await post(api, HELLO, Post(ALICE, b"next")) == [Outcome.UNAVAILABLE] * 2

    async def test_post_after_a_retry_that_failed_takes_a_line_that_is_left(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=2)
        await self._open_lines(api, server, 2)
        server.stop_listening()
        server.script(ALICE, Reply([], closes=True))

        assert await post(api, HELLO, Post(ALICE, b"next")) == [Outcome.UNAVAILABLE, Outcome.SENT]

    async def test_environment_that_was_frozen_starts_with_new_lines(
        self, api: HttpManagementApi, server: ScriptedServer, clock: Clock
    ) -> None:
        await post(api)
        clock.now_ms += 3_600_000

        assert await post(api) == [Outcome.SENT]
        assert [request.line for request in server.requests] == [0, 1]

    @staticmethod
    async def _open_lines(api: HttpManagementApi, server: ScriptedServer, count: int) -> None:
        gate = asyncio.Event()
        server.expected_pending = count
        for each in many(count):
            server.script(each.connection_id, Reply(after=gate))
        call = asyncio.create_task(post(api, *many(count)))
        await server.all_pending.wait()
        gate.set()
        await call


class TestPool:
    @pytest.mark.parametrize("pool_size", [1, 7, 128])
    async def test_pool_grows_to_its_size_and_no_further(
        self,
        make_api: Callable[..., HttpManagementApi],
        server: ScriptedServer,
        pool_size: int,
    ) -> None:
        api = make_api(pool_size=pool_size)
        gate = asyncio.Event()
        server.expected_pending = pool_size
        for each in many(300):
            server.script(each.connection_id, Reply(after=gate))

        call = asyncio.create_task(post(api, *many(300)))
        await server.all_pending.wait()
        gate.set()
        outcomes = await call

        assert outcomes == [Outcome.SENT] * 300
        assert server.opened == pool_size
        assert server.most_pending == pool_size

    async def test_posts_one_after_another_share_one_line(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        for each in many(10):
            await post(api, each)

        assert server.opened == 1

    async def test_calls_side_by_side_share_the_lines(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=4)

        outcomes = await asyncio.gather(*(post(api, *many(25)) for _ in range(4)))

        assert outcomes == [[Outcome.SENT] * 25] * 4
        assert server.opened <= 4

    async def test_idle_lines_are_closed(
        self,
        api: HttpManagementApi,
        server: ScriptedServer,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(pool_module, "IDLE_MS", 1)
        await post(api)
        clock.now_ms += 1

        await asyncio.wait_for(server.no_lines.wait(), 5)

        assert await post(api) == [Outcome.SENT]

    async def test_next_post_to_a_connection_waits_for_the_answer_to_the_one_before(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        gate = asyncio.Event()
        server.expected_pending = 1
        server.script(ALICE, Reply(after=gate))
        call = asyncio.create_task(post(api, HELLO, Post(ALICE, b"next")))
        await server.all_pending.wait()
        await post(api, *([Post(BOB, b"marker")] * 10))  # time enough for the other one to arrive

        before_the_answer = server.bodies_for(ALICE)
        gate.set()
        outcomes = await call

        assert before_the_answer == [b"hello"]
        assert server.bodies_for(ALICE) == [b"hello", b"next"]
        assert outcomes == [Outcome.SENT] * 2


class TestDeadline:
    async def test_post_without_an_answer_is_unavailable_and_the_others_are_not(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(BOB, Reply(after=asyncio.Event()))

        outcomes = await api.post_to_connections(
            [Post(ALICE, b"1"), Post(BOB, b"2"), Post(CAROL, b"3")], deadline_seconds=0.1
        )

        assert list(outcomes) == [Outcome.SENT, Outcome.UNAVAILABLE, Outcome.SENT]

    async def test_the_slowest_of_many_keep_nobody_waiting(
        self,
        api: HttpManagementApi,
        server: ScriptedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(api_module, "PATIENCE_SECONDS", 0.01)
        for slow in ("C3=", "C7="):
            server.script(slow, Reply(after=asyncio.Event()))

        outcomes = await api.post_to_connections(
            [Post(f"C{number}=", b"hello") for number in range(40)], deadline_seconds=3600
        )

        late = [index for index, each in enumerate(outcomes) if each is Outcome.UNAVAILABLE]
        assert late == [3, 7]
        assert outcomes.count(Outcome.SENT) == 38

    async def test_more_than_a_twentieth_have_until_the_deadline(
        self,
        api: HttpManagementApi,
        server: ScriptedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(api_module, "PATIENCE_SECONDS", 0)
        gate = asyncio.Event()
        for slow in ("C3=", "C7=", "C8="):
            server.script(slow, Reply(after=gate))
        server.expected_pending = 3
        call = asyncio.create_task(
            api.post_to_connections([Post(f"C{number}=", b"hello") for number in range(40)])
        )
        await server.all_pending.wait()
        await post(api, Post(ALICE, b"marker"))

        gate.set()

        assert list(await call) == [Outcome.SENT] * 40

    async def test_what_waits_for_a_line_is_never_sent(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=1)
        server.script(ALICE, Reply(after=asyncio.Event()))

        outcomes = await api.post_to_connections(
            [Post(ALICE, b"1"), Post(BOB, b"2"), Post(ALICE, b"3")], deadline_seconds=0.1
        )
        await post(api, Post(CAROL, b"marker"))

        assert list(outcomes) == [Outcome.UNAVAILABLE] * 3
        assert [request.body for request in server.requests] == [b"1", b"marker"]

    async def test_line_of_a_late_answer_is_not_used_again(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=1)
        late = asyncio.Event()
        server.script(ALICE, Reply([answer(410)], after=late))
        await api.post_to_connections([HELLO], deadline_seconds=0.05)

        late.set()

        assert await post(api, Post(BOB, b"hello")) == [Outcome.SENT]
        assert server.requests[-1].line == 1

    async def test_cancelled_call_leaves_a_pool_that_works(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=1)
        server.expected_pending = 1
        server.script(ALICE, Reply(after=asyncio.Event()))
        call = asyncio.create_task(post(api, HELLO, Post(BOB, b"never")))
        await server.all_pending.wait()

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert await post(api, Post(CAROL, b"hello")) == [Outcome.SENT]
        assert server.bodies_for(BOB) == []


class TestConnecting:
    async def test_nobody_listening_is_unavailable(
        self, make_api: Callable[..., HttpManagementApi], caplog: pytest.LogCaptureFixture
    ) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            api = make_api(f"http://127.0.0.1:{closed.getsockname()[1]}/dev")

            outcomes = await post(api, *many(100))

        assert outcomes == [Outcome.UNAVAILABLE] * 100
        [record] = caplog.records
        assert "100 x cannot connect: ConnectionRefusedError" in record.getMessage()

    async def test_name_is_resolved(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(f"http://localhost:{server.port}/dev")

        assert await post(api) == [Outcome.SENT]
        assert server.requests[0].headers["host"] == f"localhost:{server.port}"

    async def test_one_look_up_serves_many_lines(
        self,
        make_api: Callable[..., HttpManagementApi],
        server: ScriptedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        resolver = Resolver("127.0.0.1")
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.look_up)
        api = make_api(f"http://push.test:{server.port}/dev")

        assert await post(api, *many(50)) == [Outcome.SENT] * 50
        assert resolver.asked_for == ["push.test"]

    async def test_address_that_refuses_gives_way_to_the_next(
        self,
        make_api: Callable[..., HttpManagementApi],
        server: ScriptedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # The server listens on 127.0.0.1 alone, so the other two refuse; one line tries all three.
        resolver = Resolver("127.0.0.1", "127.0.0.2", "127.0.0.3")
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.look_up)
        api = make_api(f"http://push.test:{server.port}/dev", pool_size=1)

        assert await post(api, *many(5)) == [Outcome.SENT] * 5

    async def test_name_that_nobody_has_is_unavailable(
        self, make_api: Callable[..., HttpManagementApi]
    ) -> None:
        api = make_api("http://nobody.invalid/dev")

        assert await post(api, *many(3)) == [Outcome.UNAVAILABLE] * 3

    async def test_server_that_is_not_trusted_gets_no_post(
        self, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with ScriptedServer(make_contexts(tmp_path).server) as server:
            api = HttpManagementApi(
                server.url, credentials=StaticCredentials(), region="eu-west-1", now_ms=clock
            )

            outcomes = await post(api)

            assert outcomes == [Outcome.UNAVAILABLE]
            assert server.requests == []
            assert "SSLCertVerificationError" in caplog.text
            await api.aclose()

    async def test_plain_server_behind_https_is_unavailable(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(server.url.replace("http:", "https:"))

        assert await post(api) == [Outcome.UNAVAILABLE]


class TestTls:
    @pytest.fixture
    def contexts(self, tmp_path: Path) -> Contexts:
        return make_contexts(tmp_path)

    @pytest.fixture
    async def server(self, contexts: Contexts) -> AsyncIterator[ScriptedServer]:
        async with ScriptedServer(contexts.server) as server:
            yield server

    @pytest.fixture
    def api(
        self, make_api: Callable[..., HttpManagementApi], contexts: Contexts
    ) -> HttpManagementApi:
        return make_api(ssl_context=contexts.client)

    async def test_line_closed_between_two_posts_costs_nothing(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        await post(api)
        server.abort_lines()

        assert await post(api) == [Outcome.SENT]
        assert server.opened == 2

    async def test_answer_with_which_the_server_says_goodbye_counts(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, Reply([OK], closes=True))
        server.script(BOB, Reply([b"HTTP/1.1 410 Gone\r\n\r\n", b"body"], closes=True))

        outcomes = [await post(api), await post(api, Post(BOB, b"")), await post(api)]

        assert outcomes == [[Outcome.SENT], [Outcome.GONE], [Outcome.SENT]]

    async def test_largest_post_and_smallest_pieces_arrive(
        self, api: HttpManagementApi, server: ScriptedServer
    ) -> None:
        server.script(ALICE, Reply([bytes([byte]) for byte in OK]))

        assert await post(api, Post(ALICE, b"x" * 131_072)) == [Outcome.SENT]
        assert [request.body for request in server.requests] == [b"x" * 131_072]

    async def test_server_that_hangs_up_in_the_handshake_is_unavailable(
        self,
        make_api: Callable[..., HttpManagementApi],
        contexts: Contexts,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            api = make_api(f"https://127.0.0.1:{port}/dev", ssl_context=contexts.client)

            assert await post(api) == [Outcome.UNAVAILABLE]
        assert "1 x cannot connect: ConnectionResetError" in caplog.text

    async def test_call_that_is_given_up_in_the_handshake_ends(
        self, make_api: Callable[..., HttpManagementApi], contexts: Contexts
    ) -> None:
        gate = asyncio.Event()

        async def keep_waiting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            writer.close()

        async with await asyncio.start_server(keep_waiting, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            api = make_api(f"https://127.0.0.1:{port}/dev", ssl_context=contexts.client)

            outcomes = await api.post_to_connections([HELLO], deadline_seconds=0.05)

            assert outcomes == [Outcome.UNAVAILABLE]
            await api.aclose()
            gate.set()


class TestClosing:
    async def test_what_is_under_way_is_unavailable_and_later_calls_work(
        self, make_api: Callable[..., HttpManagementApi], server: ScriptedServer
    ) -> None:
        api = make_api(pool_size=1)
        server.expected_pending = 1
        server.script(ALICE, Reply(after=asyncio.Event()))
        call = asyncio.create_task(post(api, HELLO, Post(BOB, b"1"), Post(ALICE, b"2")))
        await server.all_pending.wait()

        await api.aclose()

        assert await call == [Outcome.UNAVAILABLE] * 3
        assert await post(api) == [Outcome.SENT]

    async def test_lines_that_are_being_opened_are_given_up(
        self, make_api: Callable[..., HttpManagementApi]
    ) -> None:
        api = make_api("http://localhost:9/dev")
        call = asyncio.create_task(post(api, *many(5)))
        await asyncio.sleep(0)

        await api.aclose()

        assert await call == [Outcome.UNAVAILABLE] * 5

    async def test_closing_twice_or_unused_is_fine(self, api: HttpManagementApi) -> None:
        await api.aclose()
        await api.aclose()

    def test_another_event_loop_gets_its_own_lines(self, clock: Clock) -> None:
        async def post_to(server: ScriptedServer, api: HttpManagementApi | None) -> None:
            nonlocal used
            async with server:
                used = api or HttpManagementApi(
                    server.url, credentials=StaticCredentials(), region="eu-west-1", now_ms=clock
                )
                assert await post(used) == [Outcome.SENT]

        used: HttpManagementApi | None = None
        first = ScriptedServer()
        asyncio.run(post_to(first, None))
        asyncio.run(post_to(ScriptedServer(port=first.port), used))


class TestLog:
    async def test_one_line_says_what_failed_and_how_often(
        self, api: HttpManagementApi, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        denied = answer(
            403,
            headers={"x-amzn-ErrorType": "InvalidSignatureException"},
            body=b"x-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLE",
        )
        for connection_id, data in (
            (ALICE, denied),
            (BOB, denied),
            (CAROL, answer(503)),
            ("gone=", answer(410)),
            ("full=", answer(429)),
        ):
            server.script(connection_id, data)

        with caplog.at_level(logging.WARNING):
            await post(
                api, *(Post(each, b"secret") for each in (ALICE, BOB, CAROL, "gone=", "full="))
            )

        [record] = caplog.records
        assert record.getMessage() == "5 posts: 2 x 403 InvalidSignatureException, 1 x 503"

    async def test_nothing_is_logged_where_every_post_has_an_outcome(
        self, api: HttpManagementApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        await post(api, *many(10))

        assert caplog.records == []


async def test_url_of_no_management_api_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationWrong):
        HttpManagementApi("wss://example.com/dev", credentials=StaticCredentials(), region="x")

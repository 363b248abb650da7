"""The webhook's own HTTP client, against a real server on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest

from cloudpush.errors import ReceiverForbidden, ReceiverUnavailable
from cloudpush.settings import ReceiptUrl
from cloudpush.webhooks.http import HEAD_BYTES, HttpReceiver
from cloudpush.webhooks.signing import SigningKey
from tests.fakes.certificates import make_contexts
from tests.fakes.http_server import Reply, ScriptedServer, answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fakes.http_server import Request

KEY = SigningKey("7", b"s" * 32)
NOW_MS = 1_700_000_000_999
BODY = b'{"type":"receipts","receipts":[]}'


def receiver(
    port: int,
    *,
    host: str = "127.0.0.1",
    may_be_private: bool = True,
    ssl_context: ssl.SSLContext | None = None,
    **options: Any,  # noqa: ANN401 — as `HttpReceiver` takes them
) -> HttpReceiver:
    url = ReceiptUrl(
        is_https=ssl_context is not None,
        host=host,
        port=port,
        target="/receipts?tenant=1",
        may_be_private=may_be_private,
    )
    return HttpReceiver(url, key=lambda: KEY, ssl_context=ssl_context, **options)


def headers_of(request: Request, *names: str) -> list[str]:
    return [request.headers[name] for name in names]


async def test_a_body_is_posted_with_proof_of_who_sent_it_when() -> None:
    async with ScriptedServer() as server:
        await receiver(server.port).tell(BODY, now_ms=NOW_MS)

    [request] = server.requests
    signed = f"{request.headers['webhook-id']}.1700000000.".encode() + BODY
    digest = hmac.new(KEY.key, signed, hashlib.sha256).digest()
    assert (request.method, request.path, request.body) == ("POST", "/receipts?tenant=1", BODY)
    assert headers_of(request, "webhook-timestamp", "webhook-key-id", "webhook-signature") == [
        "1700000000",
        "7",
        f"v1,{base64.b64encode(digest).decode()}",
    ]
    assert headers_of(request, "host", "content-type", "connection") == [
        f"127.0.0.1:{server.port}",
        "application/json",
        "close",
    ]


async def test_the_same_body_has_the_same_id_and_a_new_signature() -> None:
    async with ScriptedServer() as server:
        for later_ms in (0, 60_000):
            await receiver(server.port).tell(BODY, now_ms=NOW_MS + later_ms)

    first, second = server.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_success_is_one_whatever_the_body(status: int) -> None:
    async with ScriptedServer() as server:
        server.script("receipts?tenant=1", answer(103) + answer(status, body=b"x" * 100_000))

        await receiver(server.port).tell(BODY, now_ms=NOW_MS)

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
async def test_nothing_else_is_and_a_redirect_leads_nowhere(status: int) -> None:
    async with ScriptedServer() as server:
        location = {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}
        server.script("receipts?tenant=1", answer(status, headers=location))

        with pytest.raises(ReceiverUnavailable, match=str(status)):
            await receiver(server.port).tell(BODY, now_ms=NOW_MS)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]),
        Reply([b"HTTP/1.1 banana\r\n\r\n"]),
        Reply([b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES * 3 + b"\r\n\r\n"]),
        Reply([b"HTTP/1.1 200 OK\r\n"], closes=True),
        Reply([], closes=True),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(reply: Reply) -> None:
    async with ScriptedServer() as server:
        server.script("receipts?tenant=1", reply)

        with pytest.raises(ReceiverUnavailable):
            await receiver(server.port).tell(BODY, now_ms=NOW_MS)


async def test_who_does_not_answer_is_not_waited_for() -> None:
    async with ScriptedServer() as server:
        server.script("receipts?tenant=1", Reply(after=asyncio.Event()))

        with pytest.raises(ReceiverUnavailable, match="did not answer"):
            await receiver(server.port, seconds=0.05).tell(BODY, now_ms=NOW_MS)


async def test_who_is_not_there_is_a_failure() -> None:
    async with ScriptedServer() as server:
        port = server.port

    with pytest.raises(ReceiverUnavailable, match=r"127\.0\.0\.1"):
        await receiver(port).tell(BODY, now_ms=NOW_MS)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0177.0.0.1", "2130706433"])
async def test_a_name_of_ourselves_is_not_connected_to(host: str) -> None:
    async with ScriptedServer() as server:
        with pytest.raises((ReceiverForbidden, ReceiverUnavailable)):
            await receiver(server.port, host=host, may_be_private=False).tell(BODY, now_ms=NOW_MS)

    assert server.opened == 0


async def test_what_was_judged_is_what_is_connected_to() -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def look_up(host: str, port: int) -> Sequence[str]:
        del host, port
        return answers.pop(0)

    async with ScriptedServer() as server:
        await receiver(server.port, host="rebinding.test", look_up=look_up).tell(
            BODY, now_ms=NOW_MS
        )

    assert answers == [["169.254.169.254"]]
    assert headers_of(server.requests[0], "host") == [f"rebinding.test:{server.port}"]


async def test_the_next_address_is_tried_where_one_does_not_listen() -> None:
    async def look_up(host: str, port: int) -> Sequence[str]:
        del host, port
        return ["127.0.0.2", "127.0.0.1"]

    async with ScriptedServer() as server:
        await receiver(server.port, host="two.test", look_up=look_up).tell(BODY, now_ms=NOW_MS)

    assert len(server.requests) == 1


async def test_the_certificate_is_held_against_the_name(tmp_path: Path) -> None:
    contexts = make_contexts(tmp_path)

    async def look_up(host: str, port: int) -> Sequence[str]:
        del host, port
        return ["127.0.0.1"]

    async with ScriptedServer(contexts.server) as server:
        trusting = contexts.client
        await receiver(server.port, ssl_context=trusting).tell(BODY, now_ms=NOW_MS)
        another = receiver(server.port, host="another.test", look_up=look_up, ssl_context=trusting)
        with pytest.raises(ReceiverUnavailable, match="SSLCertVerificationError"):
            await another.tell(BODY, now_ms=NOW_MS)

    assert len(server.requests) == 1

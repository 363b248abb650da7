"""Who may reach which part."""

from __future__ import annotations

from typing import Any

import pytest

from local_gateway.app import App, is_cross_site, is_for_this_machine
from local_gateway.assumptions import Assumptions
from tests.fakes.gateway import application, route, websocket_api


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:3000", b"localhost", b"LOCALHOST:1", b"[::1]:3000", b"[::1]"]
)
def test_a_loopback_host_is_this_machine(host: bytes) -> None:
    assert is_for_this_machine([(b"accept", b"*/*"), (b"Host", host)])


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"127.0.0.1.evil.example:3000", b"localhost.evil.example", b"", b"10.0.0.1"],
)
def test_another_host_is_a_rebound_name(host: bytes) -> None:
    assert not is_for_this_machine([(b"host", host)])


def test_a_request_without_host_is_for_nobody() -> None:
    assert not is_for_this_machine([])


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"null",
        b"http://localhost.evil.example:3000",
        b"https://127.0.0.1@evil.example",
    ],
)
def test_a_page_from_elsewhere_is_cross_site(origin: bytes) -> None:
    assert is_cross_site([(b"host", b"127.0.0.1:3000"), (b"origin", origin)])


@pytest.mark.parametrize("origin", [b"http://127.0.0.1:3000", b"http://localhost:8080"])
def test_a_page_of_this_machine_is_not(origin: bytes) -> None:
    assert not is_cross_site([(b"origin", origin)])


def test_a_function_sends_no_origin() -> None:
    assert not is_cross_site([(b"host", b"127.0.0.1:3000")])


class Unreachable:
    """Every part, and none that may be asked."""

    async def __call__(self, *_: Any) -> Any:  # noqa: ANN401 — of all parts
        raise AssertionError("no part is to see it")


UNREACHABLE: Any = Unreachable()


async def status_of(app: App, **scope: Any) -> int:  # noqa: ANN401 — a scope of ASGI
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401 — a message of ASGI
        sent.append(message)

    headers = [(b"host", b"localhost")]
    await app({"type": "http", "headers": headers, **scope}, UNREACHABLE, send)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("assumptions", "status"),
    [(Assumptions(), 426), (Assumptions(plain_request="403"), 403)],
)
async def test_a_plain_request_for_a_stage_is_answered_as_assumed(
    assumptions: Assumptions, status: int
) -> None:
    app = App(
        application(websocket_api(route("$default", "default"))),
        sockets=UNREACHABLE,
        management=UNREACHABLE,
        http=UNREACHABLE,
        invoke=UNREACHABLE,
        own=UNREACHABLE,
        assumptions=assumptions,
    )

    assert await status_of(app, raw_path=b"/dev") == status

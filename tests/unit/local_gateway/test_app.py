"""Who may reach which part."""

from __future__ import annotations

from typing import Any

import pytest

from local_gateway.api import HttpApi, Stage
from local_gateway.app import App
from local_gateway.assumptions import Assumptions
from local_gateway.why import Why
from tests.fakes.gateway import application, route, websocket_api


class Unreachable:
    """Every part, and none that may be asked."""

    async def __call__(self, *_: Any) -> Any:  # noqa: ANN401 — of all parts
        raise AssertionError("no part is to see it")


UNREACHABLE: Any = Unreachable()


class Answering:
    """A part that answers 200 to whatever it is asked."""

    async def __call__(self, *arguments: Any) -> None:  # noqa: ANN401 — of all parts
        await arguments[-1]({"type": "websocket.http.response.start", "status": 200})


ANSWERING: Any = Answering()


def app_of(part: Any = UNREACHABLE, **options: Any) -> App:  # noqa: ANN401 — any part
    http = HttpApi(
        logical_id="Push",
        api_id="aaaaaaaaaa",
        name="push",
        routes=(),
        stage=Stage(name="$default"),
    )
    return App(
        application(websocket_api(route("$default", "default")), http_apis={"Push": http}),
        sockets=part,
        management=part,
        http=part,
        invoke=part,
        own=part,
        **options,
    )


async def status_of(app: App, **scope: Any) -> int:  # noqa: ANN401 — a scope of ASGI
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401 — a message of ASGI
        sent.append(message)

    plain = {"type": "http", "headers": [(b"host", b"localhost")], "query_string": b""}
    await app({**plain, **scope}, UNREACHABLE, send)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("assumptions", "status"),
    [(Assumptions(), 426), (Assumptions(plain_request="403"), 403)],
)
async def test_a_plain_request_for_a_stage_is_answered_as_assumed(
    assumptions: Assumptions, status: int
) -> None:
    assert await status_of(app_of(assumptions=assumptions), raw_path=b"/dev") == status


async def test_a_handshake_for_a_stage_that_is_not_there_is_told_those_that_are() -> None:
    lines: list[str] = []
    app = app_of(why=Why(lines.append))

    status = await status_of(app, type="websocket", raw_path=b"/Dev")

    assert status == 403
    [line] = lines
    assert line.startswith("ENDPOINT-7 a handshake: there is no stage at /Dev: it is answered ")
    assert line.endswith("with 403; there are /dev, /prod (no-stage)")


GUARDED = [
    b"/_gateway/clock",
    b"/dev/@connections/abc=",
    b"/dev/%40connections/abc=",
    b"/_apis/Apilg10ltpf4f/dev/@connections/abc=",
    b"/2015-03-31/functions/default/invocations",
]
"""What only developers and functions call."""
SERVED = [("websocket", b"/dev"), ("http", b"/"), ("http", b"/message/send")]
"""What web pages may call too."""


def headers_from(origin: bytes, host: bytes = b"localhost:3000") -> list[tuple[bytes, bytes]]:
    return [(b"host", host), (b"origin", origin)]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "headers",
    [
        headers_from(b"https://evil.example"),
        headers_from(b"null"),
        [(b"host", b"localhost"), (b"sec-fetch-site", b"cross-site")],
        [(b"host", b"evil.example:3000")],
        [(b"host", b"localhost"), (b"host", b"evil.example")],
        headers_from(b"http://evil.example:3000", b"evil.example:3000"),
        [],
    ],
)
async def test_a_page_from_elsewhere_reaches_nothing_of_the_developers(
    path: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    assert await status_of(app_of(), raw_path=path, headers=headers) == 403


@pytest.mark.parametrize("path", GUARDED)
async def test_not_even_where_any_host_is_served(path: bytes) -> None:
    headers = headers_from(b"http://evil.example:3000", b"evil.example:3000")

    assert await status_of(app_of(allow_remote=True), raw_path=path, headers=headers) == 403


@pytest.mark.parametrize("path", GUARDED)
async def test_a_page_of_this_machine_reaches_all(path: bytes) -> None:
    headers = headers_from(b"http://localhost:5173")

    assert await status_of(app_of(ANSWERING), raw_path=path, headers=headers) == 200


@pytest.mark.parametrize(("kind", "path"), SERVED)
async def test_an_api_lets_any_page_in_as_on_aws_and_says_so(kind: str, path: bytes) -> None:
    why = Why()
    headers = headers_from(b"https://evil.example")

    status = await status_of(app_of(ANSWERING, why=why), type=kind, raw_path=path, headers=headers)

    assert status == 200
    assert [(said.reason.id, "https://evil.example" in said.text) for said in why.said] == [
        ("foreign-origin", True)
    ]


@pytest.mark.parametrize(("kind", "path"), SERVED)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (headers_from(b"https://app.example"), 200),
        (headers_from(b"http://127.0.0.1:5173"), 200),
        ([(b"host", b"localhost")], 200),
        (headers_from(b"https://evil.example"), 403),
        (headers_from(b"https://app.example:444"), 403),
        (headers_from(b"null"), 403),
    ],
)
async def test_with_origins_named_it_lets_those_in_alone(
    kind: str, path: bytes, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    why = Why()
    app = app_of(ANSWERING, allowed_origins={"https://app.example"}, why=why)

    assert await status_of(app, type=kind, raw_path=path, headers=headers) == status
    assert why.said == ()


@pytest.mark.parametrize(("kind", "path"), SERVED)
async def test_a_rebound_name_reaches_no_api(kind: str, path: bytes) -> None:
    headers = headers_from(b"http://evil.example:3000", b"evil.example:3000")

    assert await status_of(app_of(), type=kind, raw_path=path, headers=headers) == 403

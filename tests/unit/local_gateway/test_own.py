"""The emulator's own API: what it takes, and how it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local_gateway import own_resources
from local_gateway.own import OwnPages, Resource
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Sequence


async def echo(body: object, path: Sequence[str]) -> object:
    return {"body": body, "path": list(path)}


PAGES = OwnPages(Resource("/things/{}/turn", POST=echo), Resource("/things", GET=echo))


async def ask(pages: OwnPages, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 — of httpx
    async with serving(pages) as url, httpx.AsyncClient(base_url=url) as client:
        return await client.request(method, path, **request)


@pytest.mark.parametrize(("is_up", "status", "text"), [(True, 200, "up"), (False, 503, "down")])
async def test_health_is_what_the_parts_are(is_up: bool, status: int, text: str) -> None:  # noqa: FBT001 — a parameter
    pages = OwnPages(own_resources.health(lambda: {"gateway": True, "valkey": is_up}))

    answer = await ask(pages, "GET", "/_gateway/health")

    assert (answer.status_code, answer.json()) == (
        status,
        {"status": text, "parts": {"gateway": True, "valkey": is_up}},
    )


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/_gateway/secret", {}, 200),
        ("/_gateway/secret", {"sec-fetch-site": "none"}, 200),
        ("/_gateway/secret", {"sec-fetch-site": "same-origin"}, 403),
        ("/_gateway/secret", {"sec-fetch-site": "same-site", "x-gateway-token": "wrong"}, 403),
        ("/_gateway/secret", {"origin": "http://127.0.0.1:5173"}, 403),
        ("/_gateway/secret", {"origin": "null"}, 403),
        ("/_gateway/secret", {"sec-fetch-site": "same-origin", "x-gateway-token": "t"}, 200),
        ("/_gateway/shell", {"sec-fetch-site": "same-origin"}, 200),
    ],
)
async def test_a_web_page_needs_the_token_and_nobody_else_does(
    path: str, headers: dict[str, str], status: int
) -> None:
    pages = OwnPages(
        Resource("/secret", GET=echo), Resource("/shell", is_public=True, GET=echo), token="t"
    )

    answer = await ask(pages, "GET", path, headers=headers)

    assert answer.status_code == status


async def test_a_resource_gets_the_body_and_the_parts_of_the_path() -> None:
    answer = await ask(PAGES, "POST", "/_gateway/things/My-1/turn", json={"by": 90})

    assert answer.json() == {"body": {"by": 90}, "path": ["My-1"]}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "content"),
    [
        (
            "GET",
            "/x",
            b"",
            404,
            {
                "message": "there is no /_gateway/x",
                "allowed": ["/_gateway/things/{}/turn", "/_gateway/things"],
            },
        ),
        (
            "DELETE",
            "/things",
            b"",
            405,
            {"message": "DELETE is not a method of /_gateway/things", "allowed": ["GET"]},
        ),
        (
            "POST",
            "/things/1/turn",
            b"x" * 1_048_577,
            413,
            {"message": "a body has at most 1048576 bytes"},
        ),
    ],
)
async def test_what_is_wrong_is_refused_with_what_is_allowed(
    method: str, path: str, body: bytes, status: int, content: object
) -> None:
    answer = await ask(PAGES, method, f"/_gateway{path}", content=body)

    assert answer.status_code == status
    assert answer.json() == content


async def test_a_body_that_is_not_json_is_refused() -> None:
    answer = await ask(PAGES, "POST", "/_gateway/things/1/turn", content=b"{")

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("the body is not JSON: ")

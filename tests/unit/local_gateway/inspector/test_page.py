"""What serves the inspector's page."""

from __future__ import annotations

import httpx
import pytest

from local_gateway.inspector import page
from local_gateway.own import OwnPages
from tests.serving import serving


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/_gateway/", "text/html; charset=utf-8"),
        ("/_gateway/page.js", "text/javascript; charset=utf-8"),
        ("/_gateway/page.css", "text/css; charset=utf-8"),
    ],
)
async def test_each_part_of_the_page_comes_with_its_type_and_its_guards(
    path: str, content_type: str
) -> None:
    pages = OwnPages(*page.resources())

    async with serving(pages) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.content == (page.BUNDLE / (path.rpartition("/")[2] or "index.html")).read_bytes()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == page.POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_address_without_its_slash_leads_to_the_page() -> None:
    pages = OwnPages(*page.resources(), token="secret")
    by_page = {"Origin": "http://127.0.0.1:3000"}

    async with serving(pages) as url, httpx.AsyncClient(base_url=url, headers=by_page) as client:
        answer = await client.get("/_gateway")

    assert (answer.status_code, answer.headers["location"]) == (308, "/_gateway/")

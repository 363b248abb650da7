"""The emulator's own pages."""

from __future__ import annotations

import httpx
import pytest

from local_gateway.own import OwnPages
from tests.serving import serving


@pytest.mark.parametrize(("is_up", "status", "text"), [(True, 200, "up"), (False, 503, "down")])
async def test_health_is_what_the_parts_are(is_up: bool, status: int, text: str) -> None:  # noqa: FBT001 — a parameter
    pages = OwnPages(lambda: {"gateway": True, "valkey": is_up})

    async with serving(pages) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/_gateway/health")

    assert (answer.status_code, answer.json()) == (
        status,
        {"status": text, "parts": {"gateway": True, "valkey": is_up}},
    )


async def test_other_pages_and_methods_are_refused() -> None:
    pages = OwnPages(dict)

    async with serving(pages) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.get("/_gateway/x"), await client.post("/_gateway/health")]

    assert [answer.status_code for answer in answers] == [404, 405]

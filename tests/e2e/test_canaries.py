"""That a leak would be found: the harness of these tests looks into every log of the main job."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.canaries import Canaries, places_of, traces_in
from tests.fakes.auth import a_token, bearer

TOKEN = a_token("alice")
CONTENT = "canary-content-1f0e"


async def test_a_token_in_a_log_is_found_by_what_is_its_own() -> None:
    canaries = Canaries()
    await canaries.heed_request(httpx.Request("GET", "http://gateway/", headers=bearer(TOKEN)))

    _, claims, signature = TOKEN.split(".")
    assert canaries.found_in(f"refused: {claims}") == [claims]
    assert canaries.found_in(f"?token={TOKEN}") == sorted([claims, signature])
    assert canaries.found_in('{"alg":"HS256"}') == []


@pytest.mark.parametrize(
    "body",
    [
        {"to": "alice", "msg": {CONTENT: 1}},
        {"messages": [{"msg": {"deep": [{"deeper": CONTENT}]}}]},
    ],
)
async def test_content_in_a_log_is_found(body: object) -> None:
    canaries = Canaries()
    await canaries.heed_request(httpx.Request("POST", "http://gateway/", json=body))

    assert canaries.found_in(f"failed: {CONTENT}") == [CONTENT]
    assert canaries.found_in("alice, deeper, messages") == []


ROWS = [
    {"id": 1, "kind": "post", "text": CONTENT, "trace": "1-5"},
    {"id": 2, "kind": "handshake", "headers": [["a", "b"], ["token", TOKEN]]},
    {"id": 3, "kind": "invocation", "event": '{"AWSTraceHeader": "Root=1-6"}', "sentBy": ["1-6"]},
]


def test_content_in_a_row_is_found_where_it_stands() -> None:
    assert places_of([CONTENT, TOKEN], ROWS) == {("post", "text"), ("handshake", "headers")}


def test_traces_are_those_of_posts_of_events_and_of_their_records() -> None:
    assert list(traces_in(ROWS)) == ["1-5", "1-6", "Root=1-6"]

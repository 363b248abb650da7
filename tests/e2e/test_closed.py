"""A closed deployment as `make dev AUTH=jwt` runs it: who gets in, and how far they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.closing import Issuer, closed_main_job
from tests.e2e.gateway_process import Client, free_port, running_gateway
from tests.e2e.test_logs import count, json_lines_of
from tests.fakes.auth import OTHER_SECRET, bearer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.gateway_process import GatewayProcess


async def test_a_token_reaches_as_far_as_it_says_and_is_in_no_log(tmp_path: Path) -> None:
    port, forger = free_port(), Issuer(OTHER_SECRET)
    arguments, issuer = closed_main_job(tmp_path, port)

    async with running_gateway([*arguments, "--show-metrics"], port=port) as gateway:
        await check_handshakes(gateway, issuer, forger)
        await check_requests(gateway, issuer, forger)
        await check_pushes(gateway, issuer)

    lines = json_lines_of(gateway.log)
    assert count(lines, "HandshakesUnauthorized") == {"AuthorizeFunction": 2}
    assert count(lines, "HandshakesForbidden") == {"AuthorizeFunction": 1}
    signed = [part for each in issuer.issued + forger.issued for part in each.split(".")[1:]]
    assert [part for part in [*signed, issuer.secret] if part in gateway.log] == []


async def check_handshakes(gateway: GatewayProcess, issuer: Issuer, forger: Issuer) -> None:
    """Try to get in without a token, with a forged one, and with another client's."""
    url = f"{gateway.websocket_url}?channelId=bob"

    assert await status_of(url) == 401
    assert await status_of(f"{url}&token={forger.issue('bob')}") == 401
    assert await status_of(f"{url}&token={issuer.issue('alice')}") == 403


async def check_requests(gateway: GatewayProcess, issuer: Issuer, forger: Issuer) -> None:
    """Ask the push API without a token, with a forged one, without the scope, and with it."""
    nobody = await gateway.http.get("/v1/statistics")
    forged = await gateway.http.get("/v1/statistics", headers=bearer(forger.issue("backend")))
    client = await gateway.http.get("/v1/statistics", headers=bearer(issuer.issue("alice")))
    reader = bearer(issuer.issue("backend", scope="read"))
    allowed = await gateway.http.get("/v1/statistics", headers=reader)

    answers = [nobody, forged, client, allowed]
    assert [each.status_code for each in answers] == [401, 401, 403, 200]
    assert [each.headers.get("www-authenticate") for each in answers] == [
        "Bearer",
        "Bearer",
        None,
        None,
    ]


async def check_pushes(gateway: GatewayProcess, issuer: Issuer) -> None:
    """Push within one's rights and beyond, from a token in each of its two places."""
    offered = [Subprotocol(each) for each in ("cloudpush", issuer.issue("bob"))]
    backend = bearer(issuer.issue("backend", scope="push", push=["bob"]))
    async with (
        gateway.client("alice", token=issuer.issue("alice", push=["alice"])) as alice,
        connect(f"{gateway.websocket_url}?channelId=bob", subprotocols=offered) as websocket,
    ):
        bob = Client(websocket)
        hello = await bob.receive()
        await alice.send(msgType=1, to="bob", msg={"n": 1}, messageId="beyond")
        refusal = await alice.receive()
        await alice.send(msgType=1, to="alice", msg={"n": 2})
        within = await alice.receive_until(1)
        refused = await gateway.http.post(
            "/message/send", json={"to": "alice", "msg": {"n": 3}}, headers=backend
        )
        pushed = await gateway.http.post(
            "/message/send", json={"to": "bob", "msg": {"n": 4}}, headers=backend
        )
        first = await bob.receive()

    assert (websocket.subprotocol, hello["to"]) == ("cloudpush", "bob")
    assert (refusal["code"], refusal["messageId"]) == ("forbidden", "beyond")
    assert within["msg"] == {"n": 2}
    assert (refused.status_code, pushed.status_code) == (403, 200)
    assert (first["msg"], first["from"]) == ({"n": 4}, "backend")


async def status_of(url: str) -> int:
    """Return with what a handshake is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    return refused.value.response.status_code

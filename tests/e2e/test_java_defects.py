"""The twelfth of the Java system's known defects; tests/functions/test_java_defects.py has eleven.

There, whoever reached the port pushed to whom he liked. A deployment is closed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from cloudpush import cli, clock
from tests.e2e.gateway_process import free_port, main_job, running_gateway
from tests.fakes.auth import bearer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.valkey
async def test_not_anybody_pushes_to_anybody(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    cli.main(["development-secret", str(secret), "--url", "http://127.0.0.1"])
    key = json.loads(secret.read_text())["Parameters"]["AUTH_SECRET"].removeprefix("plain:")

    def token(subject: str, **claims: Any) -> str:  # noqa: ANN401 — any claim
        now = clock.now_ms() // 1000
        times = {"iat": now, "exp": now + 60}
        return jwt.encode({"sub": subject, "aud": "cloudpush", **times, **claims}, key, "HS256")

    port = free_port()
    arguments = [*main_job("redis", port, AuthMode="jwt"), "--env-vars", str(secret)]
    async with (
        running_gateway(arguments, port=port) as gateway,
        gateway.client("bob", token=token("bob")) as bob,
        gateway.client("carol", token=token("carol", push=["bob"])) as carol,
        gateway.client("mallory", token=token("mallory")) as mallory,
    ):
        await mallory.send(msgType=1, to="bob", msg={"n": "forged"}, qos=1)
        refused = await mallory.receive()
        body = {"to": "bob", "msg": {"n": "forged"}}
        strangers = await gateway.http.post("/message/send", json=body)
        clients = await gateway.http.post(
            "/message/send", json=body, headers=bearer(token("mallory", push=["bob"]))
        )
        await carol.send(msgType=1, to="bob", msg={"n": "allowed"}, qos=1)
        first = await bob.receive_until(1)

    assert (refused["msgType"], refused["code"]) == (-1, "forbidden")
    assert (strangers.status_code, clients.status_code) == (401, 403)
    assert (first["msg"], first["from"]) == ({"n": "allowed"}, "carol")

"""The twelfth of the Java system's known defects; tests/functions/test_java_defects.py has eleven.

There, whoever reached the port pushed to whom he liked. A deployment is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.closing import closed_main_job
from tests.e2e.gateway_process import free_port, running_gateway
from tests.fakes.auth import bearer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.valkey
async def test_not_anybody_pushes_to_anybody(tmp_path: Path) -> None:
    port = free_port()
    arguments, issuer = closed_main_job(tmp_path, port)
    async with (
        running_gateway(arguments, port=port) as gateway,
        gateway.client("bob", token=issuer.issue("bob")) as bob,
        gateway.client("carol", token=issuer.issue("carol", push=["bob"])) as carol,
        gateway.client("mallory", token=issuer.issue("mallory")) as mallory,
    ):
        await mallory.send(msgType=1, to="bob", msg={"n": "forged"}, qos=1)
        refused = await mallory.receive()
        body = {"to": "bob", "msg": {"n": "forged"}}
        strangers = await gateway.http.post("/message/send", json=body)
        clients = await gateway.http.post(
            "/message/send", json=body, headers=bearer(issuer.issue("mallory", push=["bob"]))
        )
        await carol.send(msgType=1, to="bob", msg={"n": "allowed"}, qos=1)
        first = await bob.receive_until(1)

    assert (refused["msgType"], refused["code"]) == (-1, "forbidden")
    assert (strangers.status_code, clients.status_code) == (401, 403)
    assert (first["msg"], first["from"]) == ({"n": "allowed"}, "carol")

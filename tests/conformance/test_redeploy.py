"""A template that changes while connections are open."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from tests.e2e.gateway_process import ANSWER_SECONDS
from tests.e2e.test_reload import ROUTE, SNAPSHOT, TEMPLATE, project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.clause("DEPLOY-6")
async def test_a_new_route_is_served_and_a_line_says_what_aws_does(tmp_path: Path) -> None:
    async with project(tmp_path, template=SNAPSHOT) as chat:
        chat.write("template.yaml", SNAPSHOT + ROUTE)
        after = await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert after.startswith("old somebody hello")
    assert "AWS would keep serving the old ones" in chat.gateway.log


@pytest.mark.clause("DEPLOY-6")
async def test_with_the_switch_a_stage_keeps_its_snapshot_until_its_deployment_is_new(
    tmp_path: Path,
) -> None:
    async with project(tmp_path, "--deployment-snapshots", template=SNAPSHOT) as chat:
        chat.write("template.yaml", SNAPSHOT.replace("somebody", "anybody") + ROUTE)
        await chat.ask_until(lambda answer: "anybody" in answer)
        kept = await chat.ask("hello")
        deployed = SNAPSHOT.replace("First", "Second").replace("somebody", "anybody")
        chat.write("template.yaml", deployed + ROUTE)
        after = await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert json.loads(kept)["message"] == "Forbidden"
    assert after.startswith("old anybody hello")
    assert "DEPLOY-6 Chat stage dev: its routes changed" in chat.gateway.log


@pytest.mark.clause("DEPLOY-7")
async def test_an_open_connection_goes_by_the_new_routes(tmp_path: Path) -> None:
    async with project(tmp_path) as chat:
        before = await chat.ask("hello")
        chat.write("template.yaml", TEMPLATE + ROUTE)
        after = await chat.ask_until(lambda answer: "Forbidden" not in answer, "hello")

    assert json.loads(before)["message"] == "Forbidden"
    assert after.startswith("old somebody hello")


@pytest.mark.clause("DEPLOY-8")
async def test_connections_of_a_stage_that_is_gone_are_closed_with_1001(tmp_path: Path) -> None:
    async with project(tmp_path) as chat:
        chat.write("template.yaml", TEMPLATE.replace("StageName: dev", "StageName: prod"))
        async with asyncio.timeout(ANSWER_SECONDS):
            await chat.client.wait_closed()
        async with connect(f"ws://127.0.0.1:{chat.gateway.port}/prod") as other:
            await other.send(json.dumps({"action": "ask"}))
            answer = await other.recv()

    assert chat.client.close_code == 1001
    assert str(answer).startswith("old somebody ask")

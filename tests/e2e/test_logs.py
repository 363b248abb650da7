"""What the functions write while the main job runs, as it reaches the terminal."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.gateway_process import free_port, main_job, running_gateway

CANARY = "canary-5b0e"
MSG = {CANARY: CANARY}
RECORD = {
    "messageId": "0",
    "receiptHandle": "0",
    "body": CANARY,
    "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
}


async def test_each_line_is_written_once_and_none_has_a_messages_content() -> None:
    port = free_port()
    async with (
        running_gateway([*main_job("redis", port), "--show-metrics"], port=port) as gateway,
        gateway.client("alice") as alice,
    ):
        await gateway.push(to="alice", msg=MSG)
        await alice.receive_until(1)
        await alice.send(msgType=1, to="alice", msg=MSG)
        await alice.receive_until(1)
        await gateway.push(sendToAll=True, msg=MSG)
        await alice.receive_until(1)
        await gateway.invoke(
            "DeliverFunction",
            {"Records": [RECORD]},
        )

    lines = json_lines_of(gateway.log)
    assert count(lines, "Publications") == {"PushApiFunction": 2, "MessageFunction": 1}
    assert count(lines, "PostsSent") == {
        "DeliverFunction": 1,  # CONNECTION
        "FanOutFunction": 1,
        "MessageFunction": 1,
        "PushApiFunction": 1,
    }
    assert [line["message"] for _, line in lines if "message" in line] == ["a job failed"]
    assert CANARY not in gateway.log


def json_lines_of(log: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each JSON line with the name of the function that wrote it."""
    split = [line.split(maxsplit=2) for line in log.splitlines()]
    return [(line[0], json.loads(line[2])) for line in split if line[2:] and line[2][0] == "{"]


def count(lines: list[tuple[str, dict[str, Any]]], metric: str) -> dict[str, int]:
    """Return how many lines each function wrote with this metric."""
    functions = [function for function, line in lines if metric in line]
    return {function: functions.count(function) for function in functions}

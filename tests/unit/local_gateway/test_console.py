from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from local_gateway import why as reasons
from local_gateway.console import JsonConsole, LogHandler, TextConsole
from local_gateway.lambdas.output import LogLine
from local_gateway.why import Why

if TYPE_CHECKING:
    import pytest

    from local_gateway.console import Console

LINE = LogLine("Echo   ", "0123456789-abc", 'said "hello"')


def speak(console: Console) -> None:
    console.log(LINE)
    console.log(LogLine("Echo   ", "", "loads"))
    console.log("reload: app.py changed")
    Why(write_said=console.why).say(reasons.BLOCKED_PORT, "port 6000")
    console.complain("no such file")
    record = logging.LogRecord("asyncio", logging.WARNING, "", 1, "slow: %s", ("a task",), None)
    LogHandler(console).handle(record)
    console.announce("Echo  route")


def without_time(line: str) -> dict[str, Any]:
    facts = json.loads(line)
    assert facts.pop("time").endswith("Z")
    return facts


def test_a_terminal_gets_text(capsys: pytest.CaptureFixture[str]) -> None:
    speak(TextConsole())

    said = capsys.readouterr()
    assert said.out == "Echo  route\nready\n"
    assert said.err == (
        'Echo    01234567  said "hello"\n'
        "Echo    init      loads\n"
        "reload: app.py changed\n"
        f"why: {reasons.BLOCKED_PORT.clause} port 6000: {reasons.BLOCKED_PORT.text} "
        "(blocked-port)\n"
        "local-gateway: no such file\n"
        "WARNING asyncio: slow: a task\n"
    )


def test_a_program_gets_an_object_in_each_line_and_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    speak(JsonConsole())

    said = capsys.readouterr()
    banner, ready = said.out.splitlines()
    assert without_time(banner) == {"kind": "banner", "text": "Echo  route"}
    assert ready == "ready"
    assert [without_time(line) for line in said.err.splitlines()] == [
        {
            "kind": "function",
            "function": "Echo",
            "requestId": "0123456789-abc",
            "text": 'said "hello"',
        },
        {"kind": "function", "function": "Echo", "requestId": "", "text": "loads"},
        {"kind": "gateway", "level": "INFO", "text": "reload: app.py changed"},
        {
            "kind": "why",
            "clause": reasons.BLOCKED_PORT.clause,
            "place": "port 6000",
            "id": "blocked-port",
            "times": 1,
            "text": reasons.BLOCKED_PORT.text,
        },
        {"kind": "gateway", "level": "ERROR", "text": "no such file"},
        {"kind": "gateway", "level": "WARNING", "text": "asyncio: slow: a task"},
    ]

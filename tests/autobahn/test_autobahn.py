"""The Autobahn|Testsuite against an echo, and the cases that it rightly fails.

The suite needs CPython 2.7; `make autobahn PYTHON27=…` installs it into a folder of its own. The
limits of API Gateway are lifted, since the cases go beyond them.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from local_gateway import limits, wire
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import Gateway, route

if TYPE_CHECKING:
    from pathlib import Path

SUITE: Final = os.environ.get("AUTOBAHN_SUITE", "")  # noqa: TID251 — a test's option
PYTHON27: Final = os.environ.get("AUTOBAHN_PYTHON", "python2.7")  # noqa: TID251 — a test's option
CASES: Final = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LIFTED: Final = 2**26
GOOD: Final = {"OK", "NON-STRICT", "INFORMATIONAL"}

BINARY: Final = "a binary message is closed with 1003 (LIMIT-13)"
EXPECTED: Final = {f"1.2.{number}": BINARY for number in range(1, 9)}
"""The cases that fail, and why they are to."""

RUN: Final = """
import site, sys
site.addsitedir({suite!r})
sys.argv = ["wstest", "--mode", "fuzzingclient", "--spec", {spec!r}]
from autobahntestsuite import wstest
wstest.run()
"""


def echo(event: Event) -> object:
    return {"statusCode": 200, "body": event["body"]}


@pytest.mark.optional
@pytest.mark.timeout(900)
async def test_only_what_api_gateway_refuses_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (limits, wire):
        monkeypatch.setattr(module, "FRAME_BYTES", LIFTED)
        monkeypatch.setattr(module, "MESSAGE_BYTES", LIFTED)
    functions = RecordingFunctions(ask=echo)
    async with Gateway(
        route("$default", "ask", two_way=True),
        functions=functions,
        assume={"empty-reply": "frame", "large-message": "one-frame"},
    ) as gateway:
        report = await run_suite(gateway.url, tmp_path)

    failed = {
        case
        for case, result in report.items()
        if not {result["behavior"], result["behaviorClose"]} <= GOOD
    }
    assert (len(report), failed) == (247, EXPECTED.keys())


async def run_suite(url: str, folder: Path) -> dict[str, Any]:
    """Run the cases against a server, and return what became of each."""
    spec = folder / "spec.json"
    server = {"agent": "echo", "url": url}
    cases: dict[str, Any] = {
        "cases": CASES,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    spec.write_text(json.dumps({"outdir": str(folder), "servers": [server], **cases}))
    process = await asyncio.create_subprocess_exec(
        PYTHON27,
        "-c",
        RUN.format(suite=SUITE, spec=str(spec)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    index = folder / "index.json"
    assert index.exists(), said.decode(errors="replace")
    return json.loads(index.read_text())["echo"]

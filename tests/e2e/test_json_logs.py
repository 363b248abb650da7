"""`--json-logs`: what a program reads of the emulator, while functions speak and count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway_process import read_errors, running_gateway, start_process

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.13}
"""
HANDLER = """\
import json

METRIC = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {"Namespace": "app", "Dimensions": [[]], "Metrics": [{"Name": "seen", "Unit": "Count"}]}
        ],
    },
    "seen": 1,
}

def handler(event, context):
    print(json.dumps(METRIC))
    print("hello")
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(HANDLER)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return template


@pytest.mark.parametrize("host_mode", ["environments", "inline"])
@pytest.mark.parametrize(
    ("switches", "said"), [([], ["hello"]), (["--show-metrics"], ["metric", "hello"])]
)
async def test_each_line_is_an_object_and_metrics_are_shown_if_wanted(
    template: Path, host_mode: str, switches: list[str], said: list[str]
) -> None:
    arguments = ["--template", str(template), "--json-logs", "--host-mode", host_mode, *switches]
    async with running_gateway(arguments) as gateway:
        answer = await gateway.invoke("Echo", {})
        metrics = await gateway.http.get("/_gateway/metrics")

    lines = [json.loads(line) for line in gateway.log.splitlines()]
    texts = [line["text"] for line in lines if line["kind"] == "function"]
    assert answer.text == "null"
    assert "app_seen" in metrics.text
    assert ["metric" if "_aws" in text else text for text in texts] == said
    assert {line["function"] for line in lines if line["kind"] == "function"} == {"Echo"}


async def test_a_failed_start_is_an_object_too(tmp_path: Path) -> None:
    process = await start_process(["--template", str(tmp_path / "none.yaml"), "--json-logs"])
    [line] = (await read_errors(process)).splitlines()

    assert await process.wait() == 2
    facts = json.loads(line)
    assert (facts["kind"], facts["level"]) == ("gateway", "ERROR")
    assert "none.yaml" in facts["text"]

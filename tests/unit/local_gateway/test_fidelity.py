"""What is said about a template before it is served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local_gateway import cli

if TYPE_CHECKING:
    import pytest

TEMPLATES = Path(__file__).parents[2] / "golden" / "templates"


def report(template: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = cli.run(["fidelity", str(template)])
    return code, capsys.readouterr().out.splitlines()


def test_the_families_that_a_template_uses_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = report(TEMPLATES / "websocket-api-sam" / "template.yaml", capsys)

    families = {line.partition(":")[0] for line in lines if " tested, " in line}
    assert code == 0
    assert {"CONNECT", "ROUTE", "REPLY", "RUNTIME"} <= families
    assert families.isdisjoint({"AUTH", "IAM", "KEY", "THROTTLE"})


def test_what_is_assumed_is_named_with_its_switch(capsys: pytest.CaptureFixture[str]) -> None:
    _, lines = report(TEMPLATES / "websocket-api-sam" / "template.yaml", capsys)

    assumed = [line for line in lines if line.startswith("  assumed  DEPLOY-6 ")]
    assert len(assumed) == 1
    assert assumed[0].endswith("(switch: --deployment-snapshots)")


def test_what_is_left_out_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    _, lines = report(TEMPLATES / "imports" / "template.yaml", capsys)

    assert lines[1] == "ignored  Users (AWS::Cognito::UserPool)"
    assert lines[0].startswith("ignored  Network (AWS::CloudFormation::Stack): a nested stack;")


def test_a_report_starts_no_server_and_reads_the_template_as_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Parameters: { Store: { Type: String, AllowedPattern: 'redis://.+' } }\n"
        "Resources: { Topic: { Type: 'AWS::SNS::Topic' } }\n"
    )

    code = cli.run(["fidelity", str(template), "--parameter-overrides", "Store=embedded:valkey"])

    assert code == 0
    assert capsys.readouterr().out.startswith("ignored  Topic (AWS::SNS::Topic)")


def test_what_is_refused_is_printed_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = report(TEMPLATES / "wrong" / "websocket-stage-name" / "template.yaml", capsys)

    assert code == 2
    assert lines[0].startswith("refused: ")
    assert "StageName" in lines[0]

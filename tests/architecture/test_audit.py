"""What `make audit` makes of the answers of its tools, and of none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.architecture.audit import Audited, audit_node, audit_python, exit_code, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.architecture.audit import Run

LOCKED = Path("uv.lock.txt")


def answering(status: int, output: object = "", complaint: str = "") -> Run:
    """Return what answers every command like this."""
    text = output if isinstance(output, str) else json.dumps(output)

    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, status, text, complaint)

    return run


def test_a_package_without_an_advisory_is_clean() -> None:
    clean = '{"dependencies": [{"name": "jinja2", "version": "3.1", "vulns": []}], "fixes": []}'

    assert audit_python(LOCKED, answering(0, clean)) == Audited("uv.lock.txt", [])


def test_an_advisory_is_named() -> None:
    known = {"dependencies": [{"name": "jinja2", "version": "2", "vulns": [{"id": "PYSEC-1"}]}]}

    assert audit_python(LOCKED, answering(1, known)).advisories == ["jinja2 2: PYSEC-1"]


def test_an_advisory_of_npm_is_named() -> None:
    known = {
        "auditReportVersion": 2,
        "vulnerabilities": {"vite": {"range": "<7", "severity": "high"}},
    }

    assert audit_node("package-lock.json", answering(1, known)).advisories == ["vite <7: high"]


@pytest.mark.parametrize(
    ("run", "failure"),
    [
        (answering(1, "", "ERROR: a\n\n  tip\n"), "ERROR: a; tip"),
        (answering(1, "Found nothing", "1\n2\n3\n4"), "2; 3; 4"),
        (answering(1, "[]"), "it ended with 1 and said nothing"),
        (answering(0, "{}"), "it ended with 0 and said nothing"),
    ],
)
def test_who_writes_no_report_has_read_no_advisories(run: Run, failure: str) -> None:
    assert audit_python(LOCKED, run).failure == failure
    assert audit_node("package-lock.json", run).failure == failure


def test_npm_says_why_on_standard_output() -> None:
    run = answering(1, {"message": "request to https://x failed", "error": {"code": "E"}})

    assert audit_node("package-lock.json", run).failure == "request to https://x failed"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([Audited("a", []), Audited("b", [])], 0),
        ([Audited("a", []), Audited("b", ["x"])], 1),
        ([Audited("a", []), Audited("b", [], "unreachable")], 3),
        ([Audited("a", ["x"]), Audited("b", [], "unreachable")], 1),
    ],
)
def test_not_to_know_is_an_exit_code_of_its_own(found: list[Audited], code: int) -> None:
    assert exit_code(found) == code


def test_what_was_not_audited_is_said() -> None:
    lines = report([Audited("a", []), Audited("b", ["x 1: y"]), Audited("c", [], "unreachable")])

    assert lines == [
        "a: nothing known",
        "b: advisories",
        "  x 1: y",
        "c: NOT AUDITED, the advisories could not be read",
        "  unreachable",
    ]

"""The command line when whoever reads it stops, as in `local-gateway … | head`."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_gateway import cli

if TYPE_CHECKING:
    from collections.abc import Generator

WRONG = Path(__file__).parents[2] / "golden/templates/wrong/yaml-tab/template.yaml"


@contextmanager
def unread(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Let nobody read standard output. It is closed then, which fails if text still waits in it."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        yield


def exit_code(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    return stopped.value.code


def test_a_report_that_nobody_reads_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with unread(monkeypatch):
        code = exit_code("fidelity", str(WRONG))

    assert code == cli.UNREAD
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("arguments", [("--help",), ("tail", "--help")])
def test_help_that_nobody_reads_ends_quietly(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with unread(monkeypatch):
        code = exit_code(*arguments)

    assert code == 0
    assert capfd.readouterr().err == ""


def test_a_complaint_that_nobody_reads_leaves_the_exit_code() -> None:
    """In a process of its own: whoever starts a server is ended by force if stopping it hangs."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        command = [sys.executable, "-m", "local_gateway", "--template", str(WRONG)]
        code = subprocess.run(command, stderr=stream, check=False).returncode

    assert code == 2

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local_gateway.services import guardian
from tests.processes import wait_gone

SCRIPT = str(Path(guardian.__file__))
PYTHON = [sys.executable, "-I", "-S"]
# Says that it runs, then waits for longer than any test does.
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")


def guarded(platform: str, command: list[str]) -> list[str]:
    main = (
        "import sys, os, runpy; guardian = runpy.run_path(sys.argv[1]);"
        f"guardian['main'](os.getppid(), sys.argv[2:], platform={platform!r})"
    )
    return [*PYTHON, "-c", main, SCRIPT, *command]


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def read_pid(process: subprocess.Popen[str]) -> psutil.Process:
    assert process.stdout is not None
    return psutil.Process(int(process.stdout.readline()))


@linux_only
def test_on_linux_it_becomes_the_command() -> None:
    with start(guarded("linux", [*PYTHON, "-c", CHILD])) as process:
        child = read_pid(process)
        process.kill()

    assert child.pid == process.pid


@linux_only
def test_on_linux_the_command_dies_with_a_parent_that_is_killed() -> None:
    parent = (
        "import os, subprocess, sys, time;"
        "subprocess.Popen([*sys.argv[1:4], sys.argv[4], str(os.getpid()), *sys.argv[5:]]);"
        "time.sleep(3600)"
    )
    command = [*PYTHON, "-c", parent, *PYTHON, SCRIPT, *PYTHON, "-c", CHILD]
    with start(command) as process:
        child = read_pid(process)

        process.kill()

        assert wait_gone(child)


@linux_only
def test_on_linux_nothing_starts_whose_parent_is_another() -> None:
    not_the_parent = "1" if os.getpid() != 1 else "2"
    done = subprocess.run(
        [*PYTHON, SCRIPT, not_the_parent, *PYTHON, "-c", "print('ran')"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")


def test_elsewhere_the_command_dies_at_end_of_file() -> None:
    with start(guarded("darwin", [*PYTHON, "-c", CHILD])) as process:
        child = read_pid(process)
        assert child.pid != process.pid
        assert process.stdin is not None

        process.stdin.close()

        assert wait_gone(child)


def test_elsewhere_a_signal_is_passed_on() -> None:
    with start(guarded("darwin", [*PYTHON, "-c", CHILD])) as process:
        child = read_pid(process)

        process.send_signal(signal.SIGTERM)

        assert wait_gone(child)


def test_elsewhere_the_exit_code_is_passed_on() -> None:
    with start(guarded("darwin", [*PYTHON, "-c", "raise SystemExit(7)"])) as process:
        code = process.wait()

    assert code == 7

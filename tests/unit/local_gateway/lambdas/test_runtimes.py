from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.faults import exit_text
from local_gateway.lambdas.runtimes import interpreter_note, unsupported_functions
from tests.unit.local_gateway.lambdas.conftest import application

if TYPE_CHECKING:
    from tests.unit.local_gateway.lambdas.conftest import WriteFunction

OWN = f"python3.{sys.version_info.minor}"


def test_functions_of_other_runtimes_are_listed(write_function: WriteFunction) -> None:
    runtimes = {
        "A": "python3.13",
        "B": "nodejs22.x",
        "C": "provided.al2023",
        "D": "",
        "E": "python2.7",
        "F": OWN,
    }
    functions = [write_function(name=name, runtime=value) for name, value in runtimes.items()]

    unsupported = unsupported_functions(application(*functions))

    assert [function.logical_id for function in unsupported] == ["B", "C", "D", "E"]


def test_the_same_version_needs_no_note(write_function: WriteFunction) -> None:
    functions = [write_function(name="A", runtime=OWN), write_function(name="B", runtime="java21")]

    assert interpreter_note(application(*functions)) is None


def test_other_versions_are_named_in_order(write_function: WriteFunction) -> None:
    runtimes = {"A": "python3.99", "B": "python3.9", "C": "python3.99", "D": OWN}
    functions = [write_function(name=name, runtime=value) for name, value in runtimes.items()]

    note = interpreter_note(application(*functions))

    own = ".".join(map(str, sys.version_info[:3]))
    assert note == (
        f"functions for Python 3.9, 3.99 run on {own}, because that is the interpreter of the "
        f"emulator ({sys.executable})"
    )


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (137, "Runtime exited with error: exit status 137"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_how_a_process_ended_in_lambdas_words(status: int, text: str) -> None:
    assert exit_text(status) == text

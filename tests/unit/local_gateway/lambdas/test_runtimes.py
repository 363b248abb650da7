from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.faults import exit_text
from local_gateway.lambdas.interpreters import Interpreter, Interpreters
from local_gateway.lambdas.runtimes import interpreter_notes, is_supported, node_series
from tests.unit.local_gateway.lambdas.conftest import application

if TYPE_CHECKING:
    from tests.unit.local_gateway.lambdas.conftest import WriteFunction

OWN = f"python3.{sys.version_info.minor}"


@pytest.mark.parametrize(
    "runtime", ["python3.13", "nodejs22.x", "provided", "provided.al2", "provided.al2023"]
)
def test_runtimes_that_are_emulated(runtime: str) -> None:
    assert is_supported(runtime)


@pytest.mark.parametrize("runtime", ["", "python2.7", "nodejs", "java21", "go1.x", "provided.al3"])
def test_runtimes_that_are_not(runtime: str) -> None:
    assert not is_supported(runtime)


def test_the_same_version_needs_no_note(write_function: WriteFunction) -> None:
    functions = [write_function(name="A", runtime=OWN), write_function(name="B", runtime="java21")]

    assert list(interpreter_notes(application(*functions), Interpreters())) == []


def test_other_versions_are_named_in_order(write_function: WriteFunction) -> None:
    runtimes = {"A": "python3.99", "B": "python3.9", "C": "python3.99", "D": OWN}
    functions = [write_function(name=name, runtime=value) for name, value in runtimes.items()]

    notes = list(interpreter_notes(application(*functions), Interpreters()))

    own = ".".join(map(str, sys.version_info[:3]))
    problem = (
        f"they run on {own}, because that is the interpreter of the emulator ({sys.executable}); "
        "--python 3.9=PATH names another one"
    )
    assert notes == [("functions for Python 3.9, 3.99", problem)]


def test_an_interpreter_of_the_wanted_version_needs_no_note(write_function: WriteFunction) -> None:
    interpreters = Interpreters(
        {"3.99": Interpreter(Path("/python"), "3.99.1")}, Interpreter(Path("/node"), "20.1.2")
    )
    functions = [
        write_function(name="A", runtime="python3.99"),
        write_function(name="B", runtime="nodejs20.x"),
    ]

    assert list(interpreter_notes(application(*functions), interpreters)) == []


def test_functions_for_another_node_are_named(write_function: WriteFunction) -> None:
    interpreters = Interpreters(node=Interpreter(Path("/usr/bin/node"), "20.1.2"))
    functions = [
        write_function(name=name, runtime=f"nodejs{name[1:]}.x") for name in ("A22", "B18")
    ]

    assert list(interpreter_notes(application(*functions), interpreters)) == [
        (
            "functions for Node.js 18, 22",
            "they run on 20.1.2, because that is the node on the PATH (/usr/bin/node)",
        )
    ]


@pytest.mark.parametrize(
    ("runtime", "series"), [("nodejs8.10", "8"), ("nodejs22.x", "22"), ("nodejs", None)]
)
def test_the_version_of_node(
    write_function: WriteFunction, runtime: str, series: str | None
) -> None:
    assert node_series(write_function(runtime=runtime)) == series


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

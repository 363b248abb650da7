"""Interpreters are found by running them; functions run on the one that is named for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.interpreters import (
    Interpreter,
    Interpreters,
    InterpreterUnfit,
    find_node,
    find_python,
    own_python,
)
from tests.node import require_node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

OWN = f"3.{sys.version_info.minor}"


def write_script(folder: Path, name: str, text: str) -> Path:
    script = folder / name
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return script


def bare_python(folder: Path) -> Path:
    """Return an interpreter that has none of the emulator's packages."""
    return write_script(folder, "python", f'exec {sys._base_executable} -S "$@"')  # type: ignore[attr-defined]  # not in typeshed


def test_an_interpreter_of_the_version_is_found(tmp_path: Path) -> None:
    path = bare_python(tmp_path)

    found = find_python(OWN, path)

    assert (found.path, found.series, found.version) == (path, OWN, own_python().version)
    assert found.lends is not None


async def test_functions_run_on_it_with_what_lambda_brings_along(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import sys, importlib.util
        import boto3
        def handler(event, context):
            return [boto3.__name__, bool(importlib.util.find_spec("orjson")), sys.flags.no_site]
    """
    interpreters = Interpreters({"3.99": find_python(OWN, bare_python(tmp_path))})
    host = await start_host(
        write_function(source, name="Named", runtime="python3.99"),
        write_function(source, name="Other", runtime=f"python{OWN}"),
        interpreters=interpreters,
    )

    answers = [await host.ask("Named"), await host.ask("Other")]

    assert answers == [["boto3", False, 1], ["boto3", True, 0]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo 'pyenv: python3.12: command not found' >&2; exit 127", "does not run: pyenv: "),
        ("exit 3", "does not run: exit status 3"),
        ("echo 'first\nsecond' >&2; exit 1", "does not run: first"),
        ("echo 'Traceback:\n  why\nLast: x' >&2; exit 1", "does not run: Last: x"),
        ("echo hello", "is no Python interpreter"),
    ],
)
def test_what_does_not_run_is_no_interpreter(tmp_path: Path, text: str, problem: str) -> None:
    script = write_script(tmp_path, "python3.12", text)

    with pytest.raises(InterpreterUnfit) as caught:
        find_python("3.12", script)

    assert str(caught.value).startswith(f"{script} {problem}")


def test_a_path_to_nothing_is_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(InterpreterUnfit, match="does not run: No such file or directory"):
        find_python("3.12", tmp_path / "python")


def test_an_interpreter_of_another_version_is_refused(tmp_path: Path) -> None:
    path = bare_python(tmp_path)

    with pytest.raises(InterpreterUnfit) as caught:
        find_python("3.99", path)

    assert str(caught.value) == f"{path} is Python {own_python().version}, not 3.99"


def test_an_interpreter_that_lacks_a_module_is_refused_with_its_name(tmp_path: Path) -> None:
    code = "import runpy, sys; sys.modules['simplejson'] = None; del sys.argv[0]"
    start = "runpy.run_path(sys.argv[0], run_name='__main__')"
    run = f'exec {sys.executable} -c "{code}; {start}" "$@"'
    path = write_script(tmp_path, "python", run)

    with pytest.raises(InterpreterUnfit, match=r"can't run what Lambda's Python has: .*simplejson"):
        find_python(OWN, path)


def test_node_is_found_on_the_path() -> None:
    node = require_node()

    assert node == Interpreter(node.path, node.version)
    assert int(node.series) >= 18


def test_a_node_that_does_not_run_is_none(tmp_path: Path) -> None:
    script = write_script(tmp_path, "node", "echo 'not installed' >&2; exit 1")

    with pytest.raises(InterpreterUnfit) as caught:
        find_node(str(tmp_path))

    assert str(caught.value) == f"{script} does not run: not installed"


def test_without_node_on_the_path_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InterpreterUnfit, match="there is no node on the PATH"):
        find_node(str(tmp_path))

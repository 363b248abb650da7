"""What starts functions in other languages is found, or its absence said, without running it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from local_gateway.api import Function
from local_gateway.entrypoints import problem_of
from local_gateway.lambdas.interpreters import Interpreter, Interpreters

NODE = Interpreters(node=Interpreter(Path("/usr/bin/node"), "20.1.2"))
OTHER = {"x86_64": 183, "aarch64": 62}


def function(
    code: Path, runtime: str, handler: str = "index.handler", layers: tuple[Path, ...] = ()
) -> Function:
    return Function(
        logical_id="F", name="f", arn="", handler=handler, runtime=runtime, code=code, layers=layers
    )


def write(folder: Path, path: str, content: bytes = b"#!/bin/sh\n", mode: int = 0o755) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)
    return folder


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("index.js", "index.handler"),
        ("index.mjs", "index.handler"),
        ("index.cjs", "index.inner.handler"),
        ("index", "index.handler"),
        ("src/app.js", "src/app.handler"),
        ("node_modules/wrapper/index.js", "wrapper.handler"),
    ],
)
def test_a_module_that_is_there_passes(tmp_path: Path, path: str, handler: str) -> None:
    assert problem_of(function(write(tmp_path, path), "nodejs22.x", handler), NODE) is None


def test_a_module_may_stand_in_a_layer(tmp_path: Path) -> None:
    layer = write(tmp_path / "layer", "nodejs/node_modules/wrapper/index.js")
    found = function(tmp_path, "nodejs22.x", "wrapper.handler", (layer,))

    assert problem_of(found, NODE) is None


def test_a_module_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert problem_of(function(tmp_path, "nodejs22.x", "src/app.handler"), NODE) == (
        f"there is no file {tmp_path}/src/app.js, .mjs or .cjs, which the handler "
        "'src/app.handler' names; if a build makes it, run sam build and serve "
        ".aws-sam/build/template.yaml"
    )


@pytest.mark.parametrize("handler", ["index", ".handler", "index.", "../index.handler", "src/"])
def test_a_handler_of_another_form_is_refused(tmp_path: Path, handler: str) -> None:
    assert problem_of(function(write(tmp_path, "index.js"), "nodejs22.x", handler), NODE) == (
        f"the handler {handler!r} is not of the form file.function"
    )


def test_node_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = function(write(tmp_path, "index.js"), "nodejs22.x")

    assert problem_of(found, Interpreters()) == (
        "needs Node.js (nodejs22.x), and there is no node on the PATH"
    )


@pytest.mark.parametrize("runtime", ["provided", "provided.al2", "provided.al2023"])
def test_a_bootstrap_that_is_there_passes(tmp_path: Path, runtime: str) -> None:
    assert problem_of(function(write(tmp_path, "bootstrap"), runtime), NODE) is None


def test_a_bootstrap_may_stand_in_a_layer(tmp_path: Path) -> None:
    layer = write(tmp_path / "layer", "bootstrap")

    assert problem_of(function(tmp_path, "provided", layers=(layer,)), NODE) is None


def test_a_bootstrap_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert problem_of(function(tmp_path, "provided.al2023"), NODE) == (
        f"there is no file {tmp_path}/bootstrap, which runtime provided.al2023 starts, and no "
        "layer has one; if a build makes it, run sam build and serve .aws-sam/build/template.yaml"
    )


def test_a_bootstrap_that_is_not_executable_is_said(tmp_path: Path) -> None:
    write(tmp_path, "bootstrap", mode=0o644)

    assert problem_of(function(tmp_path, "provided.al2"), NODE) == (
        f"{tmp_path}/bootstrap is not executable: chmod +x it"
    )


@pytest.mark.skipif(platform.machine() not in OTHER, reason="neither of Lambda's architectures")
def test_a_bootstrap_for_another_machine_is_said(tmp_path: Path) -> None:
    write(tmp_path, "bootstrap", elf(OTHER[platform.machine()]))

    problem = problem_of(function(tmp_path, "provided.al2"), NODE)

    assert problem is not None
    assert problem.endswith(f" on {platform.machine()}: build it for this machine")


@pytest.mark.skipif(platform.system() != "Linux", reason="Lambda's executables are Linux's")
def test_a_bootstrap_for_this_machine_passes(tmp_path: Path) -> None:
    write(tmp_path, "bootstrap", elf({183: 62, 62: 183}[OTHER[platform.machine()]]))

    assert problem_of(function(tmp_path, "provided.al2"), NODE) is None

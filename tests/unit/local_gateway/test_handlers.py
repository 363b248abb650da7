"""Handlers are found, or their absence is said with file and line, without running code."""

from pathlib import Path

import pytest

from local_gateway.api import Function
from local_gateway.errors import StartError
from local_gateway.handlers import check_handlers
from local_gateway.lambdas.interpreters import Interpreters
from tests.fakes.applications import an_application


def function(code: Path, handler: str = "app.handler", **more: object) -> Function:
    facts = {"runtime": "python3.13", "layers": ()} | more
    return Function(
        logical_id="Fn",
        name="Fn",
        arn="",
        handler=handler,
        code=code,
        **facts,  # type: ignore[arg-type] — any of its fields
    )


def check(*functions: Function) -> None:
    application = an_application(
        functions={f"{one.logical_id}{index}": one for index, one in enumerate(functions)},
    )
    check_handlers(application, Interpreters())


def problem_of(*functions: Function) -> str:
    with pytest.raises(StartError) as caught:
        check(*functions)
    return str(caught.value)


def write(folder: Path, source: str, name: str = "app.py") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    return folder


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): pass",
        "class handler: pass",
        "handler = print",
        "handler: object = print",
        "first, (handler, *rest) = print, (print, 1)",
        "import handler",
        "import handler.inner",
        "import os as handler",
        "from os import path as handler",
        "from somewhere import *",
        "def __getattr__(name): return print",
        "globals()['handler'] = print",
        "if True:\n    def handler(event, context): pass",
        "try:\n    from a import handler\nexcept ImportError:\n    handler = None",
        "with open('x') as handler: pass",
        "for handler in [print]: pass",
        "print(handler := print)",
        "match print:\n    case handler: pass",
        "@wrap\nasync def handler(event, context): pass",
        "# coding: latin-1\nhandler = print",
    ],
)
def test_a_handler_that_is_or_may_be_there_passes(tmp_path: Path, source: str) -> None:
    check(function(write(tmp_path, source)))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "handler",
        "print(handler)",
        "import other as handlers",
        "import other.handler",
        "def outer():\n    def handler(event, context): pass",
        "class Outer:\n    def handler(event, context): pass",
        "other = lambda: (handler := 1)",
        "module.handler = print",
    ],
)
def test_a_handler_that_is_not_there_is_said(tmp_path: Path, source: str) -> None:
    problem = problem_of(function(write(tmp_path, source)))

    assert problem == (
        f"Fn: {tmp_path}/app.py defines no 'handler', which the handler 'app.handler' names"
    )


def test_an_async_handler_is_refused_with_its_line(tmp_path: Path) -> None:
    problem = problem_of(function(write(tmp_path, "\n\nasync def handler(event, context): pass")))

    assert problem == (
        f"Fn: {tmp_path}/app.py:3: 'handler' is an async function, which Lambda can't call; "
        "define it with def and run the coroutine inside"
    )


@pytest.mark.parametrize(
    ("source", "where", "what"),
    [
        ("def handler(:\n    pass", ":1", "invalid syntax"),
        ("x = 1\n  y = 2", ":2", "unexpected indent"),
        ("x = '\x00'", "", "source code string cannot contain null bytes"),
        ("x = " + "(" * 1_000, ":1", "too many nested parentheses"),
    ],
)
def test_source_that_does_not_parse_is_said_with_its_line(
    tmp_path: Path, source: str, where: str, what: str
) -> None:
    problem = problem_of(function(write(tmp_path, source)))

    assert problem == f"Fn: {tmp_path}/app.py{where}: {what}"


def test_source_in_a_wrong_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(b"x = '\xe9'")

    assert problem_of(function(tmp_path)).startswith(f"Fn: {tmp_path}/app.py")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    problem = problem_of(function(tmp_path, "deep/inner.app.handler"))

    assert problem == (
        f"Fn: there is no file {tmp_path}/deep/inner/app.py, "
        "which the handler 'deep/inner.app.handler' names"
    )


@pytest.mark.parametrize("handler", ["handler", ".handler", "app.", "a..handler", "/app.handler"])
def test_a_handler_of_another_form_is_refused(tmp_path: Path, handler: str) -> None:
    assert problem_of(function(tmp_path, handler)).startswith("Fn: the handler ")


@pytest.mark.parametrize("handler", ["deep/app.handler", "deep.app.handler"])
def test_a_handler_may_stand_in_a_folder(tmp_path: Path, handler: str) -> None:
    check(function(write(tmp_path, "handler = print", "deep/app.py"), handler))


def test_a_handler_may_stand_in_a_package(tmp_path: Path) -> None:
    check(function(write(tmp_path, "handler = print", "app/__init__.py")))


@pytest.mark.parametrize("place", ["python/app.py", "python/lib/python3.13/site-packages/app.py"])
def test_a_handler_may_stand_in_a_layer(tmp_path: Path, place: str) -> None:
    code, layer = tmp_path / "code", write(tmp_path / "layer", "handler = print", place)
    code.mkdir()

    check(function(code, layers=(layer,)))


def test_the_later_layer_lies_over_the_earlier_one(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    earlier = write(tmp_path / "earlier", "handler = print", "python/app.py")
    later = write(tmp_path / "later", "", "python/app.py")

    assert f"{later}/python/app.py defines no" in problem_of(
        function(code, layers=(earlier, later))
    )


def test_a_handler_may_stand_in_an_installed_package(tmp_path: Path) -> None:
    check(function(tmp_path, "yaml.load"))


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    problem = problem_of(function(tmp_path), function(tmp_path, "b.c"), function(tmp_path, "d.e"))

    assert len(problem.splitlines()) == 3

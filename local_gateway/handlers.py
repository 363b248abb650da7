"""Whether each function's handler is there, found out without running any of its code.

Lambda says it at the first invocation; here it is said at start-up, with file and line. Where the
source can't tell (a star import, a module `__getattr__`), the handler passes.
"""

from __future__ import annotations

import ast
import sysconfig
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from local_gateway import entrypoints
from local_gateway.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_gateway.api import Application, Function
    from local_gateway.lambdas.interpreters import Interpreters


class _Problem(Exception):
    """What is wrong with one handler."""


def check_handlers(application: Application, interpreters: Interpreters) -> None:
    """Check the handlers of all functions, and that there is what they run on.

    Raises:
        StartError: Files are missing or don't parse, or don't define the handler; or there is no
            interpreter; one line for each function.
    """
    problems = [
        f"{function.logical_id}: {problem}"
        for function in application.functions.values()
        if (problem := problem_of(function, interpreters)) is not None
    ]
    if problems:
        raise StartError("\n".join(problems))


def problem_of(function: Function, interpreters: Interpreters) -> str | None:
    """Return what keeps a function from starting, None if nothing is seen to."""
    problem = entrypoints.problem_of(function, interpreters)
    if problem is None and function.runtime.startswith("python"):
        try:
            _check(function)
        except _Problem as found:
            return str(found)
    return problem


def syntax_error(file: Path) -> str | None:
    """Return what is wrong with a Python file, `file:line: problem`; None if it can be read."""
    try:
        _parse(file)
    except _Problem as problem:
        return str(problem)
    return None


def _check(function: Function) -> None:
    # awslambdaric: the name stands behind the last dot, slashes in front of it are dots.
    module, dot, name = function.handler.rpartition(".")
    if not dot or not module or not name:
        raise _Problem(
            f"the handler {function.handler!r} is not of the form file.function or "
            "folder/file.function"
        )
    file = _find(module.replace("/", "."), function)
    if file is None:
        return
    tree = _parse(file)
    bindings = list(_bindings(tree, name))
    if not bindings:
        raise _Problem(f"{file} defines no {name!r}, which the handler {function.handler!r} names")
    for binding in bindings:
        # A decorator may make a plain function of it.
        if isinstance(binding, ast.AsyncFunctionDef) and not binding.decorator_list:
            raise _Problem(
                f"{file}:{binding.lineno}: {name!r} is an async function, which Lambda can't call; "
                "define it with def and run the coroutine inside"
            )


def _find(module: str, function: Function) -> Path | None:
    """Return the handler's file, None for one in an installed package (a wrapper's handler)."""
    parts = module.split(".")
    if not all(parts):
        raise _Problem(f"the handler {function.handler!r} has an empty part")
    folders = [function.code]
    for layer in reversed(function.layers):
        # The later layer's files lie over the earlier one's.
        folders += [layer / "python", *sorted(layer.glob("python/lib/python3.*/site-packages"))]
    for folder in folders:
        base = folder.joinpath(*parts)
        for file in (base / "__init__.py", base.with_name(f"{parts[-1]}.py")):
            if file.is_file():
                return file
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if PathFinder.find_spec(parts[0], installed) is None:
        expected = function.code.joinpath(*parts).with_name(f"{parts[-1]}.py")
        raise _Problem(f"there is no file {expected}, which the handler {function.handler!r} names")
    return None


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        where = f"{file}:{error.lineno}" if error.lineno else str(file)
        raise _Problem(f"{where}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        raise _Problem(f"{file}: {error or type(error).__name__}") from error


def _bindings(tree: ast.Module, name: str) -> Iterator[ast.AST]:
    """Go through what binds `name` at the top level of a module, or may do so out of sight."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if _binds(node, name):
            yield node
        # The body of a function or class binds names of its own.
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found):
            names = {name, "__getattr__"}
        case ast.Call(func=ast.Name(id=found)):
            names = {"globals", "exec", "setattr"}
        case ast.alias(asname=None):
            found, names = node.name.partition(".")[0], {name, "*"}
        case (
            ast.ClassDef(name=found)
            | ast.MatchAs(name=found)
            | ast.ExceptHandler(name=found)
            | ast.Name(id=found, ctx=ast.Store())
            | ast.alias(asname=found)
        ):
            names = {name}
        case _:
            return False
    return found in names

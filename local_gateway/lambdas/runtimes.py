"""What runs a function: for each kind of runtime a program, its variables and a transport.

python3.x         the emulator's interpreter, or the one of `--python`, with `bootstrap`
nodejs*           the `node` on the PATH, with `node/bootstrap.mjs`
provided.*        the executable `bootstrap` in the code, or in a layer
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas import bootstrap
from local_gateway.lambdas.interpreters import Interpreters, InterpreterUnfit, find_node, own_python
from local_gateway.lambdas.runtime_api import RuntimeApi
from local_gateway.lambdas.socketpair import Socketpair
from local_gateway.lambdas.variables import Folders, import_folders, path_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from local_gateway.api import Application, Function
    from local_gateway.lambdas.interpreters import Interpreter
    from local_gateway.lambdas.transport import OnAnswer, OpenTransport, Transport

SUPPORTED: Final = "python3.x, nodejs18.x and later, provided.al2, provided.al2023"

NODE_FOLDER: Final = Path(__file__).parent / "node"
REDIRECT_VARIABLE: Final = "LOCAL_GATEWAY_REDIRECT"
"""What `node/sdk_redirect.cjs` reads."""

_PYTHON: Final = re.compile(r"python(3\.\d+)")
_NODE: Final = re.compile(r"nodejs(\d+)\.(?:x|\d+)")  # once nodejs8.10
_OWN: Final = re.compile(r"provided(\.al2(023)?)?")
_SAFE_PATH_SINCE: Final = 11
_NO_METADATA: Final = {"AWS_EC2_METADATA_DISABLED": "true"}
"""Keeps the SDKs from asking an instance for credentials where a function names none."""


def python_series(function: Function) -> str | None:
    """Return the version of Python that a function asks for, `3.12`; None if it is for another."""
    match = _PYTHON.fullmatch(function.runtime)
    return match[1] if match else None


def node_series(function: Function) -> str | None:
    """Return the version of Node.js that a function asks for, `22`; None if it is for another."""
    match = _NODE.fullmatch(function.runtime)
    return match[1] if match else None


def is_own_runtime(function: Function) -> bool:
    """Return whether a function brings its own runtime, an executable `bootstrap`."""
    return _OWN.fullmatch(function.runtime) is not None


def is_supported(runtime: str) -> bool:
    """Return whether functions with this runtime can run here."""
    return any(kind.fullmatch(runtime) for kind in (_PYTHON, _NODE, _OWN))


def missing(function: Function, interpreters: Interpreters) -> str | None:
    """Return what there isn't to run the function, None if it can run."""
    if not is_supported(function.runtime):
        return f"needs runtime {function.runtime or 'none'}; supported: {SUPPORTED}"
    if node_series(function) is not None and interpreters.node is None:
        return f"needs Node.js ({function.runtime}), and {interpreters.why_no_node}"
    return None


def find_interpreters(application: Application, pythons: Mapping[str, Interpreter]) -> Interpreters:
    """Return what there is to run the functions, Node.js only if one is for it."""
    if all(node_series(function) is None for function in application.functions.values()):
        return Interpreters(pythons)
    try:
        return Interpreters(pythons, find_node())
    except InterpreterUnfit as unfit:
        return Interpreters(pythons, why_no_node=str(unfit))


def interpreter_notes(
    application: Application, interpreters: Interpreters
) -> Iterator[tuple[str, str]]:
    """Go through which functions run on another version than they ask for, and why.

    There is one pair of texts for each language.
    """
    functions = application.functions.values()
    own = own_python()
    asked = {
        series
        for series in map(python_series, functions)
        if series is not None and interpreters.python(series).series != series
    }
    if asked:
        yield (
            f"functions for Python {_listed(asked)}",
            (
                f"they run on {own.version}, because that is the interpreter of the emulator "
                f"({own.path}); --python {min(asked, key=_by_number)}=PATH names another one"
            ),
        )
    node = interpreters.node
    asked = {
        series
        for series in map(node_series, functions)
        if series is not None and node is not None and node.series != series
    }
    if node is not None and asked:
        yield (
            f"functions for Node.js {_listed(asked)}",
            f"they run on {node.version}, because that is the node on the PATH ({node.path})",
        )


def _listed(versions: Iterable[str]) -> str:
    return ", ".join(sorted(versions, key=_by_number))


def _by_number(version: str) -> int:
    return int(version.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class Program:
    """What each environment of a function starts."""

    variables: Mapping[str, str]
    """Where it finds things; the function's own variables go before them."""
    open_transport: OpenTransport
    hooks: Mapping[str, str] = field(default_factory=dict[str, str])
    """What goes before the function's own."""


def program(
    function: Function,
    opt: Path | None,
    interpreters: Interpreters,
    *,
    redirect: str,
    lifeline: int,
    debug_port: int | None = None,
) -> Program:
    """Return what runs a function that misses nothing.

    `opt` is the folder of its layers, `redirect` what the SDK hooks get (empty: no hooks),
    `lifeline` the pipe whose end ends each process, and `debug_port` where a debugger attaches.
    """
    wrapper = _wrapper(function, opt)
    if (series := python_series(function)) is not None:
        interpreter = interpreters.python(series)
        is_safe = int(interpreter.version.split(".")[1]) >= _SAFE_PATH_SINCE
        # -P: the folder of the script, this package, is no place to import from.
        flags = ["-P"] if is_safe else []
        if debug_port is not None:
            flags += ["-X", "frozen_modules=off"]  # debugpy can't stop in those
        command = [*wrapper, str(interpreter.path), *flags, "-X", "utf8", str(bootstrap.__file__)]
        folders = import_folders(function, opt, interpreter.series)
        arguments = [function.arn, redirect, str(interpreter.lends or "")]
        arguments += [str(debug_port or ""), *folders]

        def open_socketpair(on_answer: OnAnswer, on_lost: Callable[[], None]) -> Transport:
            return Socketpair(
                command, arguments, lifeline=lifeline, on_answer=on_answer, on_lost=on_lost
            )

        variables = path_variables(Folders(function.code, opt, interpreter.path.parent))
        hooks = _NO_METADATA if redirect else {}
        return Program(variables, open_socketpair, hooks)

    if node_series(function) is not None:
        assert interpreters.node is not None  # noqa: S101 — `missing` says so
        folder = interpreters.node.path.parent
        flags = [] if debug_port is None else [f"--inspect=127.0.0.1:{debug_port}"]
        command = [
            *wrapper,
            str(interpreters.node.path),
            *flags,
            str(NODE_FOLDER / "bootstrap.mjs"),
        ]
    else:
        folder = None
        own = find_bootstrap(function.code) or (opt and find_bootstrap(opt))
        command = [str(own or function.code / "bootstrap")]

    def open_runtime_api(on_answer: OnAnswer, _on_lost: Callable[[], None]) -> Transport:
        return RuntimeApi(command, arn=function.arn, lifeline=lifeline, on_answer=on_answer)

    return Program(
        {
            **path_variables(Folders(function.code, opt, folder)),
            "NODE_PATH": _node_path(function, opt, interpreters.node),
        },
        open_runtime_api,
        _node_hooks(function, redirect) if redirect else {},
    )


def find_bootstrap(folder: Path) -> Path | None:
    """Return what starts a runtime of the function's own, if it is in this folder."""
    file = folder / "bootstrap"
    return file if file.is_file() else None


def _node_path(function: Function, opt: Path | None, node: Interpreter | None) -> str:
    """Return where Node.js looks for modules beside `node_modules` folders."""
    folders = [] if opt is None else [opt / "nodejs" / "node_modules"]
    if opt is not None and node is not None:
        folders.insert(0, opt / "nodejs" / f"node{node.series}" / "node_modules")
    return os.pathsep.join(map(str, [*folders, function.code]))


def _node_hooks(function: Function, redirect: str) -> dict[str, str]:
    """Return what lets `node/sdk_redirect.cjs` into each Node.js, in `provided` runtimes too."""
    own = function.environment.get("NODE_OPTIONS", "")
    # Quoted as `node` reads it: paths may hold blanks.
    shim = str(NODE_FOLDER / "sdk_redirect.cjs").replace("\\", "\\\\").replace('"', '\\"')
    return {
        **_NO_METADATA,
        "NODE_OPTIONS": f'--require "{shim}" {own}'.rstrip(),
        REDIRECT_VARIABLE: redirect,
    }


def _wrapper(function: Function, opt: Path | None) -> list[str]:
    """Return the script that starts the runtime, if the function has one (`/opt/wrapper`)."""
    path = function.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    return [Folders(function.code, opt).here(path)] if path else []

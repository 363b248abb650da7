"""Whether functions that aren't in Python have what starts them, found out without running it.

Node.js: a file that the handler names. A runtime of one's own: an executable `bootstrap`, in the
code or in a layer, for this machine.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas.runtimes import find_bootstrap, is_own_runtime, missing, node_series

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.api import Function
    from local_gateway.lambdas.interpreters import Interpreters

_BUILT: Final = "if a build makes it, run sam build and serve .aws-sam/build/template.yaml"
_SUFFIXES: Final = ("", ".js", ".mjs", ".cjs")
_ELF: Final = b"\x7fELF"
_MACHINES: Final = {62: "x86_64", 183: "aarch64"}
"""`e_machine` of the ELF header (elf(5)): Lambda's two architectures, as `uname -m` names them."""


def problem_of(function: Function, interpreters: Interpreters) -> str | None:
    """Return what keeps a function from starting, None if nothing is seen to."""
    lacking = missing(function, interpreters)
    if lacking is not None:
        return lacking
    if node_series(function) is not None:
        return _problem_of_node(function)
    return _problem_of_bootstrap(function) if is_own_runtime(function) else None


def _problem_of_node(function: Function) -> str | None:
    folder, _, name = function.handler.rpartition("/")
    module, dot, path = name.partition(".")
    if not module or not dot or not path or ".." in function.handler:
        return f"the handler {function.handler!r} is not of the form file.function"
    base = function.code / folder / module
    if any(base.with_name(f"{module}{suffix}").is_file() for suffix in _SUFFIXES):
        return None
    packages = [function.code / "node_modules", *_node_modules(function)]
    if base.is_dir() or any((package / module).is_dir() for package in packages):
        return None
    return (
        f"there is no file {base}.js, .mjs or .cjs, which the handler {function.handler!r} names; "
        f"{_BUILT}"
    )


def _node_modules(function: Function) -> list[Path]:
    return [
        modules
        for layer in function.layers
        for modules in (layer / "nodejs").glob("**/node_modules")
    ]


def _problem_of_bootstrap(function: Function) -> str | None:
    found = [find_bootstrap(folder) for folder in (function.code, *reversed(function.layers))]
    file = next(filter(None, found), None)
    if file is None:
        return (
            f"there is no file {function.code / 'bootstrap'}, which runtime {function.runtime} "
            f"starts, and no layer has one; {_BUILT}"
        )
    if not os.access(file, os.X_OK):
        return f"{file} is not executable: chmod +x it"
    with file.open("rb") as stream:
        head = stream.read(20)
    if not head.startswith(_ELF):
        return None
    machine = _MACHINES.get(int.from_bytes(head[18:20], "little"), "another machine")
    if sys.platform == "linux" and machine == platform.machine():
        return None
    here = f"{platform.system()} on {platform.machine()}"
    return f"{file} is for Linux on {machine}, and this is {here}: build it for this machine"

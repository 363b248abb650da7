"""The interpreters of this machine that functions run on, each found by running it.

A name on the PATH may be the stub of a version manager that has no such version; an interpreter is
there only if it runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from local_gateway.lambdas import bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 10.0
"""How long an interpreter may take to say its version."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One that ran."""

    path: Path
    version: str
    """Such as `3.12.1`, `20.20.2`."""
    lends: Path | None = None
    """Folder with what Lambda's runtime brings along, where it doesn't have that itself."""

    @property
    def series(self) -> str:
        """Return the minor version of Python (`3.12`), the major one of Node.js (`20`)."""
        major, minor, *_ = self.version.split(".")
        return f"{major}.{minor}" if major == "3" else major


class InterpreterUnfit(Exception):
    """An interpreter that is wanted can't be used; the text says why."""


def own_python() -> Interpreter:
    """Return the interpreter of the emulator."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Interpreter(Path(sys.executable), version)


def find_python(series: str, path: Path) -> Interpreter:
    """Return the interpreter at `path`, which has to be of a version such as `3.12`.

    Raises:
        InterpreterUnfit: It doesn't run, is of another version, or can't run `bootstrap`.
    """
    lends = Path(sysconfig.get_path("purelib"))
    try:
        output = _run([str(path), str(bootstrap.__file__), "--probe", str(lends)])
        facts = orjson.loads(output)
    except (OSError, subprocess.SubprocessError) as error:
        raise InterpreterUnfit(f"{path} does not run: {_reason(error)}") from error
    except orjson.JSONDecodeError as error:
        raise InterpreterUnfit(f"{path} is no Python interpreter") from error
    found = Interpreter(path, facts["version"], lends)
    if found.series != series:
        raise InterpreterUnfit(f"{path} is Python {found.version}, not {series}")
    if facts["problem"]:
        raise InterpreterUnfit(f"{path} can't run what Lambda's Python has: {facts['problem']}")
    return found


def find_node(search: str | None = None) -> Interpreter:
    """Return the `node` on the PATH, or on `search` in its place.

    Raises:
        InterpreterUnfit: There is none, or it doesn't run.
    """
    path = shutil.which("node", path=search)
    if path is None:
        raise InterpreterUnfit("there is no node on the PATH")
    try:
        version = _run([path, "--version"]).decode().strip().removeprefix("v")
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise InterpreterUnfit(f"{path} does not run: {_reason(error)}") from error
    return Interpreter(Path(path), version)


def _run(command: list[str]) -> bytes:
    return subprocess.run(  # noqa: S603 — what the developer names, or has on the PATH
        command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_SECONDS
    ).stdout


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        if not lines:
            return f"exit status {error.returncode}"
        return lines[-1 if lines[0].startswith("Traceback") else 0]
    return f"no answer within {_SECONDS:.0f} seconds"


@dataclass(frozen=True, slots=True)
class Interpreters:
    """What there is for the functions of one template."""

    pythons: Mapping[str, Interpreter] = field(default_factory=dict[str, Interpreter])
    """By version, `3.12`: those that `--python` names. Everything else runs on the emulator's."""
    node: Interpreter | None = None
    why_no_node: str = "there is no node on the PATH"

    def python(self, series: str) -> Interpreter:
        """Return what functions for a version of Python run on."""
        return self.pythons.get(series) or own_python()

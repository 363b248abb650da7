"""Which functions can run here, and on what.

A Python function runs on the emulator's own interpreter, whatever minor version it asks for.
"""

from __future__ import annotations

import platform
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_gateway.api import Application, Function

_PYTHON = re.compile(r"python(3\.\d+)")


def is_supported(function: Function) -> bool:
    """Return whether there is something to run the function."""
    return _PYTHON.fullmatch(function.runtime) is not None


def unsupported_functions(application: Application) -> tuple[Function, ...]:
    """Return the functions whose invocation is refused, in the template's order."""
    return tuple(each for each in application.functions.values() if not is_supported(each))


def interpreter_note(application: Application) -> str | None:
    """Return why functions run on another Python than they ask for, in one line, if any do."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = {
        match[1]
        for function in application.functions.values()
        if (match := _PYTHON.fullmatch(function.runtime)) and match[1] != own
    }
    if not asked:
        return None
    versions = ", ".join(sorted(asked, key=lambda version: int(version.partition(".")[2])))
    return (
        f"functions for Python {versions} run on {platform.python_version()}, because that is the "
        f"interpreter of the emulator ({sys.executable})"
    )

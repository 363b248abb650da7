"""The environment variables of a function, and the folders that it imports from.

Lambda developer guide, "Defined runtime environment variables". Nothing of the developer's own
shell gets in: a handler that needs AWS_PROFILE or PYTHONPATH works here and fails on Lambda.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Function, Identity

VERSION: Final = "$LATEST"

ACCESS_KEY: Final = "local"
SECRET_KEY: Final = "local"  # noqa: S105 — a dummy
"""The dummy credentials of every function; the session token tells whose they are."""

FUNCTION_TOKEN: Final = "local/"  # noqa: S105 — a prefix
"""What the session token of a function begins with; its logical id follows."""

_DEFAULTS: Final = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    # The SDKs would find the developer's profiles by the home folder, which the password database
    # has even where HOME is not set.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
}
"""What the emulator's and the function's own variables may replace."""


_PATHS: Final = frozenset(
    ["AWS_LAMBDA_EXEC_WRAPPER", "LD_LIBRARY_PATH", "NODE_PATH", "PATH", "PYTHONPATH"]
)
"""Variables that hold paths, in which `/opt` and `/var/task` are those of this machine."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a function finds what has a fixed place on Lambda."""

    task: Path
    """`/var/task`."""
    opt: Path | None
    """`/opt`; None without layers."""
    interpreter: Path | None = None
    """`/var/lang/bin`; None for a function that brings its own runtime."""

    def here(self, paths: str) -> str:
        """Return paths as they are on this machine, one or several with colons between them."""
        return os.pathsep.join(self._here(path) for path in paths.split(os.pathsep))

    def _here(self, path: str) -> str:
        for there, folder in (("/opt", self.opt), ("/var/task", self.task)):
            if folder is not None and (path == there or path.startswith(f"{there}/")):
                return f"{folder}{path[len(there) :]}"
        return path


def environment_variables(
    function: Function,
    identity: Identity,
    *,
    extra: Mapping[str, str],
    opt: Path | None = None,
) -> dict[str, str]:
    """Return the variables of every environment of a function.

    What is missing is set later: the log stream, which is an environment's own, and the trace id,
    which is an event's. AWS's client would poll from a thread because of AWS_EXECUTION_ENV from
    python3.12 on; that part of it doesn't run here, so the name can be told as it is.

    `extra` is what the emulator gives to the function (endpoints of the embedded services, where
    its interpreter is); the function's own variables win over it, and Lambda's reserved names over
    both. In those that hold paths, `/opt` becomes `opt`, the folder of the layers, and `/var/task`
    that of the code.
    """
    folders = Folders(function.code, opt)
    own = {
        name: folders.here(value) if name in _PATHS else value
        for name, value in function.environment.items()
    }
    return {
        **_DEFAULTS,
        "AWS_SESSION_TOKEN": session_token(function.logical_id),
        **extra,
        **own,
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": VERSION,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_REGION": identity.region,
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
    }


def session_token(logical_id: str) -> str:
    """Return the session token of a function, by which its requests are told from another's."""
    return f"{FUNCTION_TOKEN}{logical_id}"


def log_stream_name(now_ms: int, environment_id: str) -> str:
    """Return a log stream's name as Lambda shapes it: `2026/01/31/[$LATEST]<32 hex digits>`."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y/%m/%d")
    return f"{day}/[{VERSION}]{environment_id}"


def import_folders(function: Function, opt: Path | None, series: str) -> list[str]:
    """Return what precedes the `sys.path` of a Python of a version such as `3.12`: code, layers."""
    if opt is None:
        return [str(function.code)]
    python = opt / "python"
    inner = python / "lib" / f"python{series}" / "site-packages"
    return [str(folder) for folder in (function.code, inner, python)]


def path_variables(folders: Folders) -> dict[str, str]:
    """Return where programs and shared libraries are looked for: the system's, then `/opt`.

    With the interpreter's own folder in front; `/var/task` goes for libraries alone.
    """
    programs = [] if folders.interpreter is None else [str(folders.interpreter)]
    programs += ["/usr/local/bin", "/usr/bin", "/bin"]
    libraries = [folders.task, folders.task / "lib"]
    if folders.opt is not None:
        programs.append(str(folders.opt / "bin"))
        libraries.append(folders.opt / "lib")
    return {
        "PATH": os.pathsep.join(programs),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
    }

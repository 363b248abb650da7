"""The environment variables of a function, and the folders that it imports from.

Lambda developer guide, "Defined runtime environment variables". Nothing of the developer's own
shell gets in: a handler that needs AWS_PROFILE or PYTHONPATH works here and fails on Lambda.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Function, Identity

VERSION: Final = "$LATEST"

_DEFAULTS: Final = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    # The SDKs would find the developer's profiles by the home folder, which the password database
    # has even where HOME is not set.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
}
"""What the emulator's and the function's own variables may replace."""


def environment_variables(
    function: Function, identity: Identity, *, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of every environment of a function.

    What is missing is set later: the log stream, which is an environment's own, and the trace id,
    which is an event's. AWS's client would poll from a thread because of AWS_EXECUTION_ENV from
    python3.12 on; that part of it doesn't run here, so the name can be told as it is.

    `extra` is what the emulator gives to every function (endpoints of the embedded services); the
    function's own variables win over it, and Lambda's reserved names over both.
    """
    return {
        **_DEFAULTS,
        "PATH": _path(function),
        **extra,
        **function.environment,
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


def log_stream_name(now_ms: int, environment_id: str) -> str:
    """Return a log stream's name as Lambda shapes it: `2026/01/31/[$LATEST]<32 hex digits>`."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y/%m/%d")
    return f"{day}/[{VERSION}]{environment_id}"


def import_folders(function: Function) -> list[str]:
    """Return what precedes the interpreter's own `sys.path`: the code, then each layer.

    On Lambda all layers are one folder, `/opt`, in which a later one's files replace an earlier
    one's. Folders stay apart here, so the later one is searched first.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [layer / "python" for layer in reversed(function.layers)]
    inner = [layer / "lib" / version / "site-packages" for layer in layers]
    return [str(folder) for folder in (function.code, *inner, *layers)]


def _path(function: Function) -> str:
    """Return a `PATH` with the interpreter's folder, the system's, and `/opt/bin`."""
    folders = [Path(sys.executable).parent, "/usr/local/bin", "/usr/bin", "/bin"]
    folders += [layer / "bin" for layer in reversed(function.layers)]
    return os.pathsep.join(map(str, folders))

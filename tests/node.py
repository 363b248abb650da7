"""Node.js and its SDKs, for the tests that need them: they skip on a laptop, and fail in CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from local_gateway.lambdas.interpreters import InterpreterUnfit, find_node

if TYPE_CHECKING:
    from local_gateway.lambdas.interpreters import Interpreter


_SDKS: Final = Path(__file__).parent / "sdks/node_modules"


def require_node() -> Interpreter:
    """Return the `node` on the PATH."""
    try:
        return find_node()
    except InterpreterUnfit as unfit:
        skip(f"{unfit}; install Node.js 18 or later (Debian: apt install nodejs)")


def require_sdks() -> Path:
    """Return the `node_modules` with the AWS SDKs for JavaScript."""
    require_node()
    if not _SDKS.is_dir():
        skip("the AWS SDKs for JavaScript are not here: make sdks")
    return _SDKS


def skip(reason: str) -> NoReturn:
    """Skip the test, in CI fail it."""
    if os.environ.get("CI") == "true":  # noqa: TID251 — a machine's own word, no setting of ours
        pytest.fail(reason)
    pytest.skip(reason)

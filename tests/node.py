"""Node.js, for the tests that need it: they skip on a laptop without it, and fail in CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import pytest

from local_gateway.lambdas.interpreters import InterpreterUnfit, find_node

if TYPE_CHECKING:
    from local_gateway.lambdas.interpreters import Interpreter


def require_node() -> Interpreter:
    """Return the `node` on the PATH."""
    try:
        return find_node()
    except InterpreterUnfit as unfit:
        skip(f"{unfit}; install Node.js 18 or later (Debian: apt install nodejs)")


def skip(reason: str) -> NoReturn:
    """Skip the test, in CI fail it."""
    if os.environ.get("CI") == "true":  # noqa: TID251 — a machine's own word, no setting of ours
        pytest.fail(reason)
    pytest.skip(reason)

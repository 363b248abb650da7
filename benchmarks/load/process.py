"""What every process of a load does around it."""

from __future__ import annotations

import gc
import json
import resource
import sys
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.load import Measured


def serve(measure: Callable[[str], Coroutine[None, None, Measured]]) -> None:
    """Run the load of the command line, which is JSON, and print what it measured."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    try:
        measured = uvloop.run(measure(sys.argv[1]))
    except* (OSError, TimeoutError) as errors:
        sys.exit(repr(errors.exceptions[0]))
    print(json.dumps(measured))

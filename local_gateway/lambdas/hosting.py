"""What the pools of all functions stand on, and how the pool of one is made."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from local_gateway import why as reasons
from local_gateway.debugging import without_timeout
from local_gateway.lambdas.environment import INIT_SECONDS, Blueprint
from local_gateway.lambdas.inline import shared
from local_gateway.lambdas.inline.environment import Plan
from local_gateway.lambdas.inline.pool import InlinePool
from local_gateway.lambdas.interpreters import Interpreters, own_python
from local_gateway.lambdas.opt import merge as opt_of
from local_gateway.lambdas.pool import Pool
from local_gateway.lambdas.runtimes import program, python_series
from local_gateway.lambdas.variables import environment_variables, import_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Function, Identity
    from local_gateway.why import Why

HostMode: TypeAlias = Literal["environments", "inline"]
"""Where Python functions run: each environment a process, or a thread of the emulator's own."""
AnyPool: TypeAlias = "Pool | InlinePool"


class Hosting:
    """What functions run on: `open`, then `pool` for each function, then `close`."""

    def __init__(  # noqa: PLR0913 — see `Functions`
        self,
        mode: HostMode,
        *,
        identity: Identity,
        environment: Mapping[str, str],
        interpreters: Interpreters | None,
        max_concurrency: int,
        debug_ports: Mapping[str, int],
        write_log: Callable[[str], None],
        why: Why,
    ) -> None:
        """See `Functions`."""
        self.interpreters = interpreters or Interpreters()
        self._mode = mode
        self._identity = identity
        self._environment = environment
        self._max_concurrency = max_concurrency
        self._debug_ports = debug_ports
        self._write_log = write_log
        self._why = why
        self._redirect = ""
        self._lifeline: tuple[int, int] | None = None
        self._opt = ""
        """The folder of the folders that layers are merged in."""
        self._opts = itertools.count()
        self._uninstall: Callable[[], None] | None = None

    def open(self, redirect: str) -> None:
        """Make what pools share; `redirect` is what the hooks into the AWS SDKs get."""
        self._redirect = redirect
        self._lifeline = os.pipe()
        self._opt = tempfile.mkdtemp(prefix="local-gateway-opt-")
        if self._mode == "inline":
            self._uninstall = shared.install(redirect)

    def change(self, redirect: str, interpreters: Interpreters) -> None:
        """Take what pools that are made from now on get."""
        self._redirect = redirect
        self.interpreters = interpreters

    def close(self) -> None:
        """Give back what `open` took; may be called twice."""
        uninstall, self._uninstall = self._uninstall, None
        if uninstall is not None:
            uninstall()
        lifeline, self._lifeline = self._lifeline, None
        for fd in lifeline or ():
            with contextlib.suppress(OSError):
                os.close(fd)
        if self._opt:
            shutil.rmtree(self._opt, ignore_errors=True)

    def pool(self, function: Function, *, width: int) -> AnyPool:
        """Return a pool of environments; `width` is how wide names are in the log."""
        reserved = function.reserved_concurrency
        limit = self._max_concurrency if reserved is None else reserved
        label = f"{function.logical_id:<{width}}"
        # A folder of its own for each pool: one that is replaced may still read from its own.
        opt = opt_of(function.layers, Path(self._opt) / f"{function.logical_id}-{next(self._opts)}")
        lifeline = -1 if self._lifeline is None else self._lifeline[0]
        debug_port = self._debug_ports.get(function.logical_id)
        runs = program(
            function,
            opt,
            self.interpreters,
            redirect=self._redirect,
            lifeline=lifeline,
            debug_port=debug_port,
        )
        variables = environment_variables(
            function, self._identity, extra={**runs.variables, **self._environment}, opt=opt
        )

        def on_timeout() -> None:
            self._why.say(
                reasons.FUNCTION_TIMEOUT,
                f"function {function.logical_id}",
                seconds=function.timeout_seconds,
            )

        if self._mode == "inline" and python_series(function) is not None:
            plan = Plan(
                function=function,
                variables=variables,
                folders=import_folders(function, opt, own_python().series),
                label=label,
                write_line=self._write_log,
            )
            return InlinePool(plan, limit=limit, on_timeout=on_timeout)
        blueprint = Blueprint(
            function=function if debug_port is None else without_timeout(function),
            variables={**variables, **runs.hooks},
            open_transport=runs.open_transport,
            label=label,
            write_line=self._write_log,
            init_seconds=INIT_SECONDS,
        )
        if debug_port is not None:
            limit = min(limit, 1)  # only one process can listen on the port
        return Pool(blueprint, limit=limit, on_timeout=on_timeout)

"""The command line `local-gateway`: from the arguments to an exit code; `options` has the options.

Exit codes: 0 stopped by the user, 1 a function or a server failed to start, 2 a wrong command
line or template. The table of routes and `ready` go to standard output, everything else to
standard error. Whoever reads these may stop (`| head`): what serves goes on, and what reports ends
with 141.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import uvloop

from local_gateway import clock, fidelity, ids
from local_gateway.console import JsonConsole, LogHandler, TextConsole
from local_gateway.emulator import EMBEDDED_VALKEY, STOP_SECONDS, Emulator
from local_gateway.errors import StartError, TemplateError
from local_gateway.hotkeys import HELP, Hotkeys
from local_gateway.inspector import tail
from local_gateway.options import WrongInput, parser, read_options
from local_gateway.privileges import report as privileges
from local_gateway.template import load
from local_gateway.why import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local_gateway.api import Application
    from local_gateway.configuration import Options
    from local_gateway.console import Console

_STOPPED, _FAILED_TO_START, _WRONG_INPUT = 0, 1, 2
_NO_SERVER: Final = "redis://127.0.0.1:6379/0"
UNREAD: Final = 141
"""A report that nobody reads to its end: as a shell tells of a program that SIGPIPE ended."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve a template until SIGINT or SIGTERM."""
    try:
        sys.exit(run(sys.argv[1:] if arguments is None else arguments))
    finally:
        _drop_what_nobody_reads()


def run(arguments: Sequence[str]) -> int:
    """Serve a template, or run a subcommand, and return the exit code."""
    subcommand = _SUBCOMMANDS.get(arguments[0]) if arguments else None
    if subcommand is not None:
        try:
            return subcommand(arguments[1:])
        except BrokenPipeError:
            return UNREAD
    parsed = parser().parse_args(arguments)
    console = JsonConsole() if parsed.json_logs else TextConsole()
    logging.basicConfig(level=logging.WARNING, handlers=[LogHandler(console)])
    try:
        options = read_options(parsed)
        if parsed.seed is not None:
            ids.seed(parsed.seed)
        _raise_descriptor_limit()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options, console))
    except (WrongInput, TemplateError) as error:
        console.complain(str(error))
        return _WRONG_INPUT
    except StartError as error:
        console.complain(str(error))
        return _FAILED_TO_START
    except KeyboardInterrupt:  # before our own handlers were in place
        return _STOPPED
    return _STOPPED


def _tail(arguments: Sequence[str]) -> int:
    has_colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ  # noqa: TID251 — the one place
    return tail.run(arguments, sys.stdout, sys.stderr, has_colours=has_colours)


def _report_fidelity(arguments: Sequence[str]) -> int:
    """Run `local-gateway fidelity TEMPLATE`, which takes the options of a start."""
    has_template = bool(arguments) and not arguments[0].startswith("-")
    given = ["--template", *arguments] if has_template else arguments
    try:
        options = read_options(parser().parse_args(given))
    except WrongInput as error:
        TextConsole().complain(str(error))
        return _WRONG_INPUT
    code, text = fidelity.report(lambda: _load(options))
    _print(text)
    return code


def _report_privileges(arguments: Sequence[str]) -> int:
    """Run `local-gateway privileges FILE`, which takes the options of a start."""
    if not arguments or arguments[0].startswith("-"):
        TextConsole().complain("privileges takes the file that --record-calls wrote")
        return _WRONG_INPUT
    file, *given = arguments
    try:
        application = _load(read_options(parser().parse_args(given)))
    except (WrongInput, TemplateError) as error:
        TextConsole().complain(str(error))
        return _WRONG_INPUT
    code, text = privileges.report(application, Path(file), now_ms=clock.machine_ms())
    _print(text)
    return code


def _load(options: Options) -> Application:
    """Read the template for a report, which starts no server: a URL stands for that of one."""
    return load(
        options.template,
        parameters={
            name: _NO_SERVER if value == EMBEDDED_VALKEY else value
            for name, value in options.parameters.items()
        },
        identity=options.identity,
        cache_dir=options.cache_dir,
        env_vars=options.environment,
        imports=options.imports,
    )


_SUBCOMMANDS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    "fidelity": _report_fidelity,
    "privileges": _report_privileges,
    "tail": _tail,
}


async def _serve(options: Options, console: Console) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    emulator = Emulator(options, write_log=console.log, why=Why(write_said=console.why))
    starting = asyncio.create_task(emulator.start())
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            console.announce(emulator.banner)
            # What is here now stays: the collector need not look at it again for every frame.
            gc.collect()
            gc.freeze()
            with _hotkeys(emulator, console, stopped):
                await stopped.wait()
    finally:
        _die_at_the_latest_in(STOP_SECONDS + 0.1)
        stopping.cancel()
        if not starting.done():
            starting.cancel()  # `start` undoes what it did
            with contextlib.suppress(asyncio.CancelledError):
                await starting
        elif starting.exception() is None:
            await emulator.stop()


def _hotkeys(
    emulator: Emulator, console: Console, stopped: asyncio.Event
) -> contextlib.AbstractContextManager[None]:
    """Return what takes keys while it lasts, where somebody can press them."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or isinstance(console, JsonConsole):
        return contextlib.nullcontext()
    _print(HELP)
    hotkeys = Hotkeys(url=emulator.inspector_url, reload=emulator.reload, stop=stopped.set)
    return hotkeys.listening(sys.stdin, sys.stdout)


def _die_at_the_latest_in(seconds: float) -> None:
    """Leave what hangs behind: the children die with us, whatever they do."""
    timer = threading.Timer(seconds, os._exit, args=(_STOPPED,))
    timer.daemon = True
    timer.start()


def _raise_descriptor_limit() -> None:
    """Allow as many connections as the system lets a process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print(text: str) -> None:
    print(text, flush=True)


def _drop_what_nobody_reads() -> None:
    """Lead a stream without a reader nowhere, or the interpreter's last flush of it would fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

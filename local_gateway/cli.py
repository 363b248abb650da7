"""The command line `local-gateway`, and the one place that reads the emulator's environment.

Exit codes: 0 stopped by the user, 1 a function or a server failed to start, 2 a wrong command
line or template. The table of routes and `ready` go to standard output, everything else to
standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import json
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import uvloop

from local_gateway import ids, limits
from local_gateway.api import Identity
from local_gateway.emulator import STOP_SECONDS, Emulator, Options
from local_gateway.errors import StartError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOPPED, _FAILED_TO_START, _WRONG_INPUT = 0, 1, 2
_MAX_PORT = 65_535


class _WrongInput(Exception):
    """A command line that can't be carried out; the text says what is allowed."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve a template until SIGINT or SIGTERM."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Serve a template and return the exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        options = _options(parsed)
        if parsed.seed is not None:
            ids.seed(parsed.seed)
        _raise_descriptor_limit()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except (_WrongInput, TemplateError) as error:
        _complain(str(error))
        return _WRONG_INPUT
    except StartError as error:
        _complain(str(error))
        return _FAILED_TO_START
    except KeyboardInterrupt:  # before our own handlers were in place
        return _STOPPED
    return _STOPPED


async def _serve(options: Options) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    emulator = Emulator(options, write_log=_log, why=_why)
    starting = asyncio.create_task(emulator.start())
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _print(f"{emulator.banner}\nready")
            # What is here now stays: the collector need not look at it again for every frame.
            gc.collect()
            gc.freeze()
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


def _die_at_the_latest_in(seconds: float) -> None:
    """Leave what hangs behind: the children die with us, whatever they do."""
    timer = threading.Timer(seconds, os._exit, args=(_STOPPED,))
    timer.daemon = True
    timer.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local-gateway",
        description="Serve the WebSocket and HTTP APIs of a SAM or CloudFormation template here.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--template", type=Path, default=Path("template.yaml"), metavar="FILE")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=3000, help="0 is any free one (default: %(default)s)")
    add(
        "--parameter-overrides",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="parameters of the template; the value embedded:valkey stands for the URL of a "
        "Valkey server that is started along",
    )
    add(
        "--env-vars",
        type=Path,
        metavar="FILE",
        help='JSON as for sam local: {"LogicalId": {"NAME": "value"}, "Parameters": {…}}',
    )
    add(
        "--idle-timeout",
        type=_positive,
        default=limits.IDLE_TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="close a connection without traffic after this (default: %(default)s)",
    )
    add(
        "--max-duration",
        type=_positive,
        default=limits.MAX_DURATION_SECONDS,
        metavar="SECONDS",
        help="close a connection after this, however busy (default: %(default)s)",
    )
    add(
        "--connect-rate",
        type=_rate,
        default=limits.CONNECT_RATE,
        metavar="PER_SECOND",
        help="handshakes beyond it are answered 429; 0 is unlimited (default: %(default)s)",
    )
    add(
        "--account-rate",
        type=_rate,
        default=0.0,
        metavar="PER_SECOND",
        help="connects, messages and posts beyond it are throttled; 0 is unlimited (default)",
    )
    add(
        "--max-concurrency",
        type=_count,
        default=16,
        metavar="N",
        help="environments per function; further events wait in order (default: %(default)s)",
    )
    add(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep the embedded Valkey's data here; queues and tables start empty all the same",
    )
    add("--seed", type=int, metavar="N", help="draw the same ids at the same times again")
    add(
        "--allow-remote",
        action="store_true",
        help="let --host be more than loopback: whoever reaches the port can run your functions",
    )
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    if not parsed.allow_remote and not _is_loopback(parsed.host):
        raise _WrongInput(
            f"--host {parsed.host} is not a loopback address: whoever reaches the port could run "
            "your functions and post to your clients. Add --allow-remote if that is what you want."
        )
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"  # noqa: TID251 — the one place
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 — the one place
    return Options(
        template=parsed.template,
        host=parsed.host,
        port=parsed.port,
        identity=Identity(region=region),
        parameters=_parameters(parsed.parameter_overrides),
        environment=_environment(parsed.env_vars) if parsed.env_vars else {},
        idle_timeout_seconds=parsed.idle_timeout,
        max_duration_seconds=parsed.max_duration,
        connect_rate=parsed.connect_rate,
        account_rate=parsed.account_rate,
        max_concurrency=parsed.max_concurrency,
        state_dir=parsed.state_dir,
        cache_dir=Path(cache) / "cloudpush",
        allow_remote=parsed.allow_remote,
    )


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise _WrongInput(f"--parameter-overrides takes KEY=VALUE, found {pair!r}.")
        parameters[name] = value
    return parameters


def _environment(file: Path) -> dict[str, dict[str, str]]:
    """Read the file of `--env-vars`: an object of objects, as `sam local` has it."""
    try:
        content: object = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _WrongInput(f"--env-vars {file}: {error.strerror}.") from error
    except ValueError as error:
        raise _WrongInput(f"--env-vars {file}: not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise _WrongInput(f"--env-vars {file}: an object is wanted, found {content!r:.40}.")
    environment: dict[str, dict[str, str]] = {}
    for logical_id, variables in cast("dict[str, Any]", content).items():
        if not isinstance(variables, dict):
            raise _WrongInput(f"--env-vars {file}: {logical_id}: an object of names is wanted.")
        environment[logical_id] = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in cast("dict[str, Any]", variables).items()
        }
    return environment


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to {_MAX_PORT}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a rate: 0 (unlimited) or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count: 1 or more")
    return value


def _raise_descriptor_limit() -> None:
    """Allow as many connections as the system lets a process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def _log(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


def _why(line: str) -> None:
    _log(f"why: {line}")


def _complain(text: str) -> None:
    _log(f"local-gateway: {text}")

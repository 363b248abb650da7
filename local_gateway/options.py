"""The options of the command line, and what of the environment stands for one.

`parser` knows them, `read_options` makes of them what the emulator takes.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from local_gateway import assumptions, limits
from local_gateway.api import Identity
from local_gateway.assumptions import Assumptions, UnknownAssumption
from local_gateway.authorization.signature import Credentials
from local_gateway.configuration import Options
from local_gateway.faults import FAULTS, InvalidFault, check
from local_gateway.lambdas.interpreters import Interpreter, InterpreterUnfit, find_python

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_PORT = 65_535


class WrongInput(Exception):
    """A command line that can't be carried out; the text says what is allowed."""


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
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
        "--import",
        dest="imports",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="what the template takes from elsewhere: the export of another stack by its name, an "
        "attribute as LogicalId.Attribute, a dynamic reference as resolve:ssm:/name",
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
        "--host-mode",
        choices=("environments", "inline"),
        default="environments",
        help="run Python functions in processes of their own (default), or in threads of this one: "
        "for breakpoints, and faster",
    )
    add(
        "--debug",
        action="append",
        default=[],
        metavar="FUNCTION[=PORT]",
        help="let a debugger attach to this function, without timeouts; the port is 5678 for "
        "Python and 9229 for Node.js if none is named; repeatable",
    )
    add(
        "--python",
        action="append",
        default=[],
        metavar="3.12=PATH",
        help="run functions for this version of Python on the interpreter at PATH; repeatable",
    )
    add(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep the embedded Valkey's data here; queues and tables start empty all the same",
    )
    add(
        "--no-sdk-redirect",
        action="store_true",
        help="let calls of AWS SDKs in functions go where their clients send them",
    )
    add(
        "--strict-auth",
        action="store_true",
        help="refuse, as AWS does, what is not signed as it has to be, and what API Gateway may "
        "not invoke",
    )
    add(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="choose what nobody has published of AWS; a wrong one lists those that there are",
    )
    add(
        "--watch",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="take up changes of the template and of code while running (default: on a terminal)",
    )
    add(
        "--deployment-snapshots",
        action="store_true",
        help="when the template changes, let stages without AutoDeploy keep their routes until "
        "their deployment has a new logical id, as on AWS",
    )
    add("--seed", type=int, metavar="N", help="draw the same ids at the same times again")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"let something go wrong now and then: {', '.join(FAULTS)}",
    )
    add(
        "--virtual-clock",
        action="store_true",
        help="let time stand still, but for what POST /_gateway/clock lets pass",
    )
    add(
        "--json-logs",
        action="store_true",
        help="write each line but `ready` as a JSON object: what functions log, why lines, errors",
    )
    add(
        "--show-metrics",
        action="store_true",
        help="print also what functions log in CloudWatch's embedded metric format, which "
        "/_gateway/metrics adds up",
    )
    add(
        "--record-calls",
        type=Path,
        metavar="FILE",
        help="write what functions call of AWS, each action on each resource once; "
        "`local-gateway privileges FILE` holds it against their roles",
    )
    add(
        "--allow-remote",
        action="store_true",
        help="let --host be more than loopback: whoever reaches the port can run your functions",
    )
    add(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let only web pages of this machine and of ORIGIN use the WebSocket and HTTP APIs; "
        "repeatable (default: all, as on AWS)",
    )
    return parser


def read_options(parsed: argparse.Namespace) -> Options:
    """Return what was asked for.

    Raises:
        WrongInput: A value can't be what was meant.
    """
    if not parsed.allow_remote and not _is_loopback(parsed.host):
        raise WrongInput(
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
        parameters=_pairs("--parameter-overrides", parsed.parameter_overrides),
        imports=_pairs("--import", parsed.imports),
        environment=_environment(parsed.env_vars) if parsed.env_vars else {},
        idle_timeout_seconds=parsed.idle_timeout,
        max_duration_seconds=parsed.max_duration,
        connect_rate=parsed.connect_rate,
        account_rate=parsed.account_rate,
        max_concurrency=parsed.max_concurrency,
        host_mode=parsed.host_mode,
        is_watching=sys.stderr.isatty() if parsed.watch is None else parsed.watch,
        keeps_snapshots=parsed.deployment_snapshots,
        debug=_debug(parsed.debug),
        pythons=_pythons(parsed.python),
        state_dir=parsed.state_dir,
        cache_dir=Path(cache) / "cloudpush",
        allow_remote=parsed.allow_remote,
        allowed_origins=frozenset(map(_origin, parsed.allow_origin)),
        shows_metrics=parsed.show_metrics,
        record_calls=parsed.record_calls,
        is_redirecting_sdks=not parsed.no_sdk_redirect,
        strict_auth=parsed.strict_auth,
        credentials=_credentials(),
        virtual_clock=parsed.virtual_clock,
        faults=_faults(parsed.fault),
        assumptions=_assumptions(parsed.assume),
    )


def _credentials() -> tuple[Credentials, ...]:
    """Return the developer's own, where they are in the environment: tests sign with them."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    access_key, secret_key, token = (os.environ.get(name) for name in names)  # noqa: TID251 — the one place
    if not access_key or not secret_key:
        return ()
    return (Credentials(access_key, secret_key, token or None),)


def _assumptions(pairs: Sequence[str]) -> Assumptions:
    try:
        return assumptions.read(pairs)
    except UnknownAssumption as error:
        raise WrongInput(f"--assume: {error}.") from error


def _faults(pairs: Sequence[str]) -> dict[str, float]:
    faults: dict[str, float] = {}
    for name, text in _pairs("--fault", pairs).items():
        try:
            faults[name] = check(name, _number(text))
        except InvalidFault as error:
            raise WrongInput(f"--fault {error}.") from error
    return faults


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise WrongInput(f"{option} takes NAME=VALUE, found {pair!r}.")
        values[name] = value
    return values


def _debug(asked: Sequence[str]) -> dict[str, int | None]:
    ports: dict[str, int | None] = {}
    for text in asked:
        name, equals, port = text.partition("=")
        try:
            ports[name] = _port(port) if equals else None
        except argparse.ArgumentTypeError as error:
            raise WrongInput(f"--debug takes FUNCTION or FUNCTION=PORT, found {text!r}.") from error
        if ports[name] and list(ports.values()).count(ports[name]) > 1:
            raise WrongInput(f"--debug {text}: another function has this port.")
    return ports


def _pythons(pairs: Sequence[str]) -> dict[str, Interpreter]:
    pythons: dict[str, Interpreter] = {}
    for pair in pairs:
        series, _, path = pair.partition("=")
        if not re.fullmatch(r"3\.\d+", series) or not path:
            raise WrongInput(f"--python takes a version and a path, 3.12=PATH, found {pair!r}.")
        try:
            pythons[series] = find_python(series, Path(path).absolute())
        except InterpreterUnfit as error:
            raise WrongInput(f"--python {pair}: {error}.") from error
    return pythons


def _environment(file: Path) -> dict[str, dict[str, str]]:
    """Read the file of `--env-vars`: an object of objects, as `sam local` has it."""
    try:
        content: object = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongInput(f"--env-vars {file}: {error.strerror}.") from error
    except ValueError as error:
        raise WrongInput(f"--env-vars {file}: not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise WrongInput(f"--env-vars {file}: an object is wanted, found {content!r:.40}.")
    environment: dict[str, dict[str, str]] = {}
    for logical_id, variables in cast("dict[str, Any]", content).items():
        if not isinstance(variables, dict):
            raise WrongInput(f"--env-vars {file}: {logical_id}: an object of names is wanted.")
        environment[logical_id] = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in cast("dict[str, Any]", variables).items()
        }
    return environment


def _origin(text: str) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2)."""
    if text != "null" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", text):
        raise WrongInput(
            f"--allow-origin takes an origin, such as https://app.example:8443, found {text!r}."
        )
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int:
    value = _whole(text)
    if value is None or value > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to {_MAX_PORT}")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if isinstance(value, str) or not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _rate(text: str) -> float:
    value = _number(text)
    if isinstance(value, str) or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a rate: 0 (unlimited) or more")
    return value


def _count(text: str) -> int:
    value = _whole(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text} is not a count: 1 or more")
    return value


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None

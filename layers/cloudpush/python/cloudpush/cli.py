"""The command line: `cloudpush token` and `keys`, for those who look after a deployment.

Exit codes: 0 done, 1 a store, a service or a file can't be had, 2 a wrong input, 141 done, but
nobody read what came of it (`| head`).

It reads the same variables as the functions (`settings`), so that it finds the same secret and the
same store: `AUTH_SECRET`, `STORE` with `TABLE_NAME` or `REDIS_URL`, and AWS's own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cloudpush import api_keys, clock, ids, rights, tokens, wiring
from cloudpush.errors import ClientError, CloudpushError
from cloudpush.protocol import check_client_id
from cloudpush.rights import Principal, Scope
from cloudpush.settings import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt import PyJWK

    from cloudpush.access import ApiKey

_WRONG_INPUT: Final = 2
_FAILED: Final = 1
UNREAD: Final = 141
"""Nobody reads what is printed: as a shell tells of a program that SIGPIPE ended."""
_HOUR_SECONDS: Final = 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    finally:
        _drop_what_nobody_reads()


def _run(parsed: argparse.Namespace) -> int:
    try:
        text = parsed.perform(parsed)
    except (ValueError, ClientError) as error:
        print(f"cloudpush: {error}", file=sys.stderr)
        return _WRONG_INPUT
    except CloudpushError as error:
        print(f"cloudpush: {error}", file=sys.stderr)
        return _FAILED
    except OSError as error:
        print(f"cloudpush: {error.filename}: {error.strerror}", file=sys.stderr)
        return _FAILED
    try:
        print(text, flush=True)
    except BrokenPipeError:
        return UNREAD
    return 0


def _drop_what_nobody_reads() -> None:
    """Lead a stream without a reader nowhere, or the interpreter's last flush of it would fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cloudpush", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    token = commands.add_parser("token", help="sign a token with the secret that AUTH_SECRET names")
    token.add_argument("subject", help="the client id that it is for")
    token.add_argument("--push", nargs="+", default=[], metavar="PATTERN", help="its targets")
    token.add_argument("--scope", nargs="+", default=[], choices=[each.value for each in Scope])
    token.add_argument("--seconds", type=int, default=_HOUR_SECONDS, help="how long it is good")
    token.set_defaults(perform=_sign)

    keys = commands.add_parser("keys", help="API keys, in the store that STORE names")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make one; it is shown this once")
    create.add_argument("name", help="whom it speaks for: what it sends is from that")
    create.add_argument("--push", nargs="+", default=[], metavar="PATTERN", help="its targets")
    create.add_argument("--scope", nargs="+", required=True, choices=[each.value for each in Scope])
    create.set_defaults(perform=_create_key)
    listing = actions.add_parser("list", help="show which there are")
    listing.set_defaults(perform=_list_keys)
    revoke = actions.add_parser("revoke", help="make one worthless, within seconds")
    revoke.add_argument("key_id", metavar="ID", help="as list shows it")
    revoke.set_defaults(perform=_revoke_key)

    development = commands.add_parser(
        "development-secret", help="write a new secret for local-gateway --env-vars"
    )
    development.add_argument("file", type=Path)
    development.add_argument("--url", required=True, help="where the push API will be")
    development.set_defaults(perform=_make_development_secret)
    return parser


def _sign(parsed: argparse.Namespace) -> str:
    rules = wiring.current().settings.token_rules
    if rules.algorithm != tokens.SYMMETRIC:
        raise ValueError("tokens of this deployment are signed by its identity provider")
    [key, *_] = wiring.current().signing_keys.find(None)
    return _token(
        _principal("the subject", parsed.subject, parsed.push, parsed.scope),
        key=key,
        rules=rules,
        seconds=parsed.seconds,
    )


def _create_key(parsed: argparse.Namespace) -> str:
    principal = _principal("the name", parsed.name, parsed.push, parsed.scope)
    made = api_keys.make(principal, now_ms=clock.now_ms())
    wiring.current().access.add_key(made.key)
    return made.text


def _list_keys(parsed: argparse.Namespace) -> str:
    del parsed
    lines = [_line_of(each) for each in wiring.current().access.read_keys()]
    return "\n".join(lines or ["there are no keys"])


def _line_of(key: ApiKey) -> str:
    created = dt.datetime.fromtimestamp(key.created_at_ms // 1000, tz=dt.UTC)
    scopes = " ".join(sorted(each.value for each in key.scopes))
    line = f"{key.key_id}  {created:%Y-%m-%d %H:%M}  {key.name}  {scopes}"
    return f"{line}  push to {' '.join(key.targets)}" if key.targets else line


def _revoke_key(parsed: argparse.Namespace) -> str:
    if not wiring.current().access.revoke_key(parsed.key_id):
        raise ValueError(f"there is no key {parsed.key_id}")
    return f"revoked; functions that know it refuse it {api_keys.KEEP_MS // 1000} s from now"


def _make_development_secret(parsed: argparse.Namespace) -> str:
    secret = ids.new_secret()
    content = {"Parameters": {"AUTH_SECRET": f"{PLAIN}{secret}"}}
    parsed.file.touch(mode=0o600)
    parsed.file.write_text(json.dumps(content))
    alice = _token(
        _principal("the subject", "alice", [rights.ANYBODY], [each.value for each in Scope]),
        key=secret,
        rules=tokens.TokenRules(),
        seconds=12 * _HOUR_SECONDS,
    )
    return (
        "AuthMode=jwt: who has no token is refused. For 12 hours this one is alice, who may push\n"
        f"to anybody and look at everything:\n\n  {alice}\n\n"
        f"  curl -H 'Authorization: Bearer {alice}' \\\n"
        f'    {parsed.url}/message/send -d \'{{"to": "alice", "msg": {{"k": "v"}}}}\'\n\n'
        f"The pages at {parsed.url}/ and {parsed.url}/admin/ take it, too.\n\n"
        f"Another: AUTH_SECRET={PLAIN}{secret} .venv/bin/cloudpush token bob --push alice\n"
    )


def _principal(what: str, name: str, patterns: Sequence[str], scopes: Sequence[str]) -> Principal:
    return Principal(
        name=check_client_id(name, name=what),
        targets=rights.check_patterns(list(patterns)),
        scopes=frozenset(Scope(each) for each in scopes),
    )


def _token(
    principal: Principal, *, key: PyJWK | str, rules: tokens.TokenRules, seconds: int
) -> str:
    if not 0 < seconds <= tokens.TOKEN_LIFETIME_MS // 1000:
        raise ValueError(f"--seconds must be 1 to {tokens.TOKEN_LIFETIME_MS // 1000}")
    now_ms = clock.now_ms()
    return tokens.sign(
        principal,
        key=key,
        rules=rules,
        issued_at_ms=now_ms,
        expires_at_ms=now_ms + seconds * 1000,
    )

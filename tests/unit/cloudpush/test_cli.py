"""What the command line prints and writes; `tests/e2e/test_access.py` is about keys."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from cloudpush import cli, clock, tokens
from cloudpush.rights import Scope
from cloudpush.secret import SecretReference
from cloudpush.signing_keys import SecretKeys
from cloudpush.tokens import TokenRules

if TYPE_CHECKING:
    from pathlib import Path


def test_a_development_secret_is_for_its_owner_and_comes_with_a_token_that_may_do_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secret.json"

    assert cli.main(["development-secret", str(file), "--url", "http://127.0.0.1:1"]) == 0

    reference: str = json.loads(file.read_text())["Parameters"]["AUTH_SECRET"]
    printed = capsys.readouterr().out
    [token, *_] = re.findall(r"eyJ[\w.-]+", printed)
    keys = SecretKeys(SecretReference(reference, client=no_client, clock=clock.now_ms))
    alice = tokens.verify(token, keys=keys, rules=TokenRules(), now_ms=clock.now_ms())
    assert (alice.name, alice.targets, alice.scopes) == ("alice", ("*",), frozenset(Scope))
    assert file.stat().st_mode & 0o077 == 0
    assert f"AUTH_SECRET={reference} " in printed


@pytest.mark.parametrize("is_buffered", [True, False])
def test_what_nobody_reads_ends_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_buffered: bool
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        unread.reconfigure(write_through=not is_buffered)
        monkeypatch.setattr(sys, "stdout", unread)

        code = cli.main(["development-secret", str(tmp_path / "file"), "--url", "http://x"])

    assert code == cli.UNREAD


def test_a_file_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "nowhere" / "secret.json"

    assert cli.main(["development-secret", str(file), "--url", "http://127.0.0.1:1"]) == 1

    assert capsys.readouterr().err == f"cloudpush: {file}: No such file or directory\n"


def no_client(service: str) -> object:
    raise AssertionError(service)


def test_a_name_that_nobody_can_have_is_called_what_it_was_given_as(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["keys", "create", "a b", "--scope", "push"]) == 2

    assert capsys.readouterr().err == (
        "cloudpush: the name must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ -\n"
    )

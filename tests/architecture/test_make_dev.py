"""What `make dev` says of who gets in, before it runs: without running it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("none", "whoever reaches this port may connect as anybody, push to anybody and"),
        ("jwt", "cloudpush development-secret "),
    ],
)
def test_it_says_who_gets_in_and_runs_so(auth: str, said: str) -> None:
    command = ["make", "--dry-run", "dev", f"AUTH={auth}"]

    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert said in recipe
    assert f"AuthMode={auth}" in recipe
    assert ("--env-vars" in recipe) == (auth == "jwt")


def test_it_is_open_unless_something_else_is_said() -> None:
    command = ["make", "--dry-run", "dev"]

    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "AuthMode=none" in recipe

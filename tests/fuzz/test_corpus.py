"""The corpora of `make fuzz`, and each input that ever broke something, once through its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz import targets
from tests.fuzz.__main__ import CORPUS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGETS: dict[str, Callable[[bytes], None]] = {
    "envelope": targets.fuzz_envelope,
    "http": targets.fuzz_http,
    "route": targets.fuzz_route,
    "template": targets.fuzz_template,
    "token": targets.fuzz_token,
}
FILES = sorted(file for file in CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_nothing_in_the_corpus_breaks_its_target(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert {file.parent.name for file in FILES} == set(TARGETS)

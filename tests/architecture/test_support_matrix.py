"""Clauses, tests and the support matrix agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_gateway import clauses
from tests.conformance import matrix, proofs


def test_each_conformance_test_proves_one_clause_and_each_clause_has_one() -> None:
    assert proofs.problems(proofs.read(), clauses.read()) == []


def test_the_support_matrix_is_current() -> None:
    page = matrix.PAGE.read_text(encoding="utf-8")

    assert page == matrix.write(), "make matrix writes it"


def test_every_clause_that_the_sources_cite_exists() -> None:
    known = clauses.read()
    families = {clause.family for clause in known.values()}
    root = Path(__file__).parents[2]
    cited = {
        found[0]
        for folder in ("local_gateway", "tests", "docs")
        for suffix in ("py", "md")
        for path in (root / folder).rglob(f"*.{suffix}")
        for found in re.finditer(r"\b([A-Z]+)-[1-9][0-9]*\b", path.read_text(encoding="utf-8"))
        if found[1] in families
    }

    assert cited - known.keys() == set()


MISTAKES = re.findall(
    r"^\| ([0-9]+) \| .* \| ([A-Z0-9, -]+) \|$",
    (Path(__file__).parents[2] / "docs/explanation/what-emulators-get-wrong.md").read_text(),
    re.MULTILINE,
)


def test_there_are_thirty_mistakes() -> None:
    assert [int(number) for number, _ in MISTAKES] == list(range(1, 31))


@pytest.mark.parametrize(("number", "named"), MISTAKES)
def test_a_mistake_is_not_made_by_the_tests_of_its_clauses(number: str, named: str) -> None:
    proven = {mark for proof in proofs.read() for mark in proof.marks}

    assert set(named.split(", ")) - proven == set(), number

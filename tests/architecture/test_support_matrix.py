"""Clauses, tests and the support matrix agree."""

from __future__ import annotations

from local_gateway import clauses
from tests.conformance import matrix, proofs


def test_each_conformance_test_proves_one_clause_and_each_clause_has_one() -> None:
    assert proofs.problems(proofs.read(), clauses.read()) == []


def test_the_support_matrix_is_current() -> None:
    page = matrix.PAGE.read_text(encoding="utf-8")

    assert page == matrix.write(), "make matrix writes it"

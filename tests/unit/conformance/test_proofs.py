"""The rule that each conformance test proves one clause, and each clause has a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway import clauses
from tests.conformance import proofs
from tests.conformance.proofs import Proof

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """
#### A-1
Tested.

`documented`

#### A-2
Refused.

`documented`

Refused: because.

#### A-3
Untested.

`documented`

Untested: because.
"""
CLAUSES = clauses.parse(PAGE)
PROVEN = Proof("test_a.py::test_it", ("A-1",), is_portable=True)


def problems_of(*tests: Proof) -> list[str]:
    return proofs.problems(tests, CLAUSES)


def test_one_test_for_each_clause_that_can_have_one_is_right() -> None:
    assert problems_of(PROVEN) == []


def test_a_clause_without_a_test_is_wrong() -> None:
    refusing = PROVEN._replace(marks=("A-2",))

    assert problems_of(refusing) == ["A-1 has no test, and is neither Refused nor Untested"]


def test_a_family_without_any_test_is_proven_elsewhere() -> None:
    assert problems_of() == []


def test_a_test_without_a_clause_is_wrong() -> None:
    assert problems_of(PROVEN, PROVEN._replace(marks=())) == [
        "test_a.py::test_it has 0 clauses, not one"
    ]


def test_a_test_with_two_clauses_is_wrong() -> None:
    assert problems_of(PROVEN._replace(marks=("A-1", "A-2"))) == [
        "test_a.py::test_it has 2 clauses, not one"
    ]


def test_a_test_of_an_unknown_clause_is_wrong() -> None:
    assert problems_of(PROVEN, PROVEN._replace(marks=("A-9",))) == [
        "test_a.py::test_it proves A-9, which docs/reference/gateway.md lacks"
    ]


def test_a_test_of_an_untested_clause_is_wrong() -> None:
    assert problems_of(PROVEN, PROVEN._replace(marks=("A-3",))) == [
        "test_a.py::test_it proves A-3, which says that it is untested"
    ]


def test_tests_are_read_from_their_source(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        """
@pytest.mark.clause("A-1")
@pytest.mark.parametrize("x", [1])
async def test_there(main, x): ...

@pytest.mark.clause("A-1")
@pytest.mark.clause("A-2")
def test_here(start_gateway): ...

class TestThings:
    def test_none(self, *, gateway): ...

def no_test(): ...
"""
    )

    assert proofs.read(tmp_path) == [
        Proof("test_a.py::test_there", ("A-1",), is_portable=True),
        Proof("test_a.py::test_here", ("A-1", "A-2"), is_portable=False),
        Proof("test_a.py::test_none", (), is_portable=False),
    ]

"""Which test proves which clause, read from the tests' source.

A test has exactly one mark, `@pytest.mark.clause("CONNECT-4")`, whose clause exists. A clause has a
test, or says why it has none, once a single one of its family is tested here. Reading the source
takes no plugin and no collection, so that the support matrix, which is written from it, is the same
whatever a run selects.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from local_gateway.clauses import Clause

FOLDER: Final = Path(__file__).parent
IN_PROCESS: Final = frozenset({"room", "gateway", "start_gateway", "load_template"})
"""Fixtures that are the emulator in the process of the test, and nothing on AWS."""


class Proof(NamedTuple):
    """One test."""

    test: str
    """Such as `test_connect.py::test_any_2xx_accepts`."""
    marks: tuple[str, ...]
    """The clauses that it is marked with."""
    is_portable: bool
    """Whether it runs against a deployed stage too."""


def read(folder: Path = FOLDER) -> list[Proof]:
    """Return the tests of a folder, in the order of its files."""
    return [
        _proof(f"{path.relative_to(folder)}::{function.name}", function)
        for path in sorted(folder.rglob("test_*.py"))
        for function in _functions(ast.parse(path.read_text(encoding="utf-8")))
        if function.name.startswith("test_")
    ]


def problems(proofs: Iterable[Proof], clauses: Mapping[str, Clause]) -> list[str]:
    """Return what is wrong with the marks, each as a sentence."""
    found: list[str] = []
    proven: set[str] = set()
    for proof in proofs:
        if len(proof.marks) != 1:
            found.append(f"{proof.test} has {len(proof.marks)} clauses, not one")
        for mark in proof.marks:
            if mark not in clauses:
                found.append(f"{proof.test} proves {mark}, which docs/reference/gateway.md lacks")
            elif clauses[mark].untested is not None:
                found.append(f"{proof.test} proves {mark}, which says that it is untested")
        proven.update(proof.marks)
    families = {mark.rpartition("-")[0] for mark in proven}
    found += [
        f"{clause.id} has no test, and is neither Refused nor Untested"
        for clause in clauses.values()
        if clause.family in families and clause.id not in proven
        if clause.refused is None and clause.untested is None
    ]
    return found


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _proof(test: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Proof:
    arguments = function.args
    fixtures = {each.arg for each in (*arguments.args, *arguments.kwonlyargs)}
    marks = tuple(
        str(value.value)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause"
        for value in decorator.args
        if isinstance(value, ast.Constant)
    )
    return Proof(test, marks, is_portable=fixtures.isdisjoint(IN_PROCESS))

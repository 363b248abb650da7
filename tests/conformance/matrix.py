"""The support matrix, `docs/reference/support-matrix.md`: which clause is proven how.

`python -m tests.conformance.matrix` writes it from the clauses and the tests; a test holds it to
what this would write.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

from local_gateway import clauses
from tests.conformance import proofs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from local_gateway.clauses import Clause
    from tests.conformance.proofs import Proof

PAGE: Final = proofs.FOLDER.parents[1] / "docs/reference/support-matrix.md"

_HEAD: Final = """\
# The support matrix

Every clause of [what the gateway does](gateway.md), and how it is known to hold. This page is
written by `make matrix`.

| word | meaning |
|---|---|
| tested | a test proves it on the local gateway |
| portable | the same test can be run [against a deployed stage](../how-to/check-the-emulator.md) |
| refused | what asks for it is an error at the start, which names it |
| left out | it has no test; the reason is given |
| elsewhere | no conformance test proves it, but tests of the parts that it is about |

No run against AWS has been recorded yet: what is documented or observed was compared with what is
published, not with an account.

"""


def write() -> str:
    """Return the page."""
    known, by_clause = clauses.read(), _by_clause(proofs.read())
    return "".join((_HEAD, *_counts(known, by_clause), *_families(known.values(), by_clause)))


def _by_clause(found: Iterable[Proof]) -> dict[str, list[Proof]]:
    by_clause: dict[str, list[Proof]] = {}
    for proof in found:
        for mark in proof.marks:
            by_clause.setdefault(mark, []).append(proof)
    return by_clause


def _counts(known: Mapping[str, Clause], by_clause: Mapping[str, Sequence[Proof]]) -> Iterator[str]:
    states = Counter((clause.tag, _state(clause, by_clause)) for clause in known.values())
    words = ("tested", "refused", "left out", "elsewhere")
    yield "| clauses | all | " + " | ".join(words) + " | with a switch |\n"
    yield "|---|---|" + "---|" * len(words) + "---|\n"
    for tag in ("documented", "observed", "assumed"):
        numbers = [states[tag, word] for word in words]
        switches = sum(clause.tag == tag and bool(clause.switch) for clause in known.values())
        yield _row(tag, sum(numbers), *numbers, switches)
    numbers = [sum(n for (_, state), n in states.items() if state == word) for word in words]
    yield _row("all", len(known), *numbers, sum(bool(c.switch) for c in known.values()))
    tests = [proof for found in by_clause.values() for proof in found]
    portable = sum(proof.is_portable for proof in tests)
    yield f"\n{len(tests)} tests, {portable} of them portable.\n"


def _families(known: Iterable[Clause], by_clause: Mapping[str, Sequence[Proof]]) -> Iterator[str]:
    for family, members in groupby(known, key=lambda clause: clause.family):
        yield f"\n## {family}\n\n| clause | known by | proven by |\n|---|---|---|\n"
        for clause in members:
            name = f"[{clause.id}](gateway.md#{clause.id.lower()})"
            tag = f"{clause.tag}, `{clause.switch}`" if clause.switch else clause.tag
            yield _row(name, tag, _proof_of(clause, by_clause.get(clause.id, [])))


def _proof_of(clause: Clause, found: Sequence[Proof]) -> str:
    parts: list[str] = []
    if found:
        is_portable = any(proof.is_portable for proof in found)
        count = f"{len(found)} tests" if len(found) > 1 else "1 test"
        parts.append(f"tested, portable ({count})" if is_portable else f"tested ({count})")
    if clause.refused is not None:
        parts.append(f"refused: {clause.refused}")
    if clause.untested is not None:
        parts.append(f"left out: {clause.untested}")
    if not parts:
        parts.append("elsewhere")
    return "; ".join(parts)


def _state(clause: Clause, by_clause: Mapping[str, Sequence[Proof]]) -> str:
    if by_clause.get(clause.id):
        return "tested"
    if clause.refused is not None:
        return "refused"
    return "left out" if clause.untested is not None else "elsewhere"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    PAGE.write_text(write(), encoding="utf-8")

"""Reading the page of clauses."""

from __future__ import annotations

import pytest

from local_gateway import clauses
from local_gateway.clauses import Clause

PAGE = """
# A title

## A family

#### CONNECT-1
It does this
and that.

`assumed` Nobody knows. Switch: `--assume this=that` does that.

Refused: something,
for a reason.

#### CONNECT-2
More.

`documented` A page.

Untested: nothing to see.

## Another

Text that belongs to no clause.
"""


def test_a_clause_is_all_that_stands_below_its_heading() -> None:
    assert list(clauses.parse(PAGE).values()) == [
        Clause(
            id="CONNECT-1",
            text="It does this and that.",
            tag="assumed",
            source="Nobody knows. Switch: `--assume this=that` does that.",
            switch="--assume this=that",
            refused="something, for a reason.",
        ),
        Clause(
            id="CONNECT-2",
            text="More.",
            tag="documented",
            source="A page.",
            untested="nothing to see.",
        ),
    ]


def test_a_clause_knows_its_family() -> None:
    assert clauses.parse(PAGE)["CONNECT-2"].family == "CONNECT"


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("#### connect\nText.\n\n`assumed`", "no id"),
        ("#### CONNECT-1\nText.", "1 texts and 0 tags"),
        ("#### CONNECT-1\n`assumed`", "0 texts and 1 tags"),
        ("#### CONNECT-1\nText.\n\n`assumed`\n\n`observed`", "1 texts and 2 tags"),
        ("#### CONNECT-1\nText.\n\n`guessed` By nobody.", "2 texts|0 tags"),
        ("#### CONNECT-1\nText.\n\n`observed` Switch: `--x`", "observed and has a switch"),
        ("#### A-1\nText.\n\n`assumed`\n\n#### A-1\nText.\n\n`assumed`", "there twice"),
    ],
)
def test_a_page_that_is_not_of_the_form_says_where(page: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        clauses.parse(page)


def test_the_page_of_the_package_is_read() -> None:
    assert clauses.read()["CONNECT-1"].tag == "documented"

"""The numbered clauses: what each behaviour is called, where it comes from, how sure it is.

They are read from `gateway.md` beside this module, which is also the page of the documentation:

    #### CONNECT-4
    Any 2xx `statusCode` accepts.

    `observed` Public capture. Switch: `--assume NAME=VALUE` does something else.

    Refused: what is an error at the start, and why.

A switch, and a `Refused:` or an `Untested:` paragraph, are there where they apply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Tag: TypeAlias = Literal["documented", "observed", "assumed"]

_PAGE: Final = "gateway.md"
_ANY_HEADING: Final = re.compile(r"^#{1,6} ", re.MULTILINE)
_HEADING: Final = re.compile(r"^#### (?P<id>.*)$", re.MULTILINE)
_ID: Final = re.compile(r"(?P<family>[A-Z][A-Z0-9]*)-(?P<number>[1-9][0-9]*)")
_ORIGIN: Final = re.compile(r"`(?P<tag>documented|observed|assumed)`(?: (?P<source>.+))?")
_SWITCH: Final = re.compile(r"Switch: `(?P<switch>[^`]+)`")
_REFUSED, _UNTESTED = "Refused: ", "Untested: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One behaviour."""

    id: str
    """Such as `CONNECT-4`."""
    text: str
    """What happens, as Markdown on one line."""
    tag: Tag
    source: str
    """Where it is documented or was observed, or why it is assumed."""
    switch: str | None = None
    """The option that chooses otherwise, of an assumed one."""
    refused: str | None = None
    """What is an error at the start, and why."""
    untested: str | None = None
    """Why it has no test."""

    @property
    def family(self) -> str:
        """The id without its number."""
        return self.id.rpartition("-")[0]


def read() -> Mapping[str, Clause]:
    """Return the clauses by id, in the order of the page."""
    return parse(files("local_gateway").joinpath(_PAGE).read_text(encoding="utf-8"))


def parse(page: str) -> Mapping[str, Clause]:
    """Return the clauses of a page.

    Raises:
        ValueError: A clause is not of the form above, or its number is given twice.
    """
    clauses: dict[str, Clause] = {}
    for clause in _clauses_of(page):
        if clause.id in clauses:
            raise ValueError(f"{clause.id} is there twice")
        clauses[clause.id] = clause
    return clauses


def _clauses_of(page: str) -> Iterator[Clause]:
    for heading in _HEADING.finditer(page):
        end = _ANY_HEADING.search(page, heading.end())
        body = page[heading.end() : end.start() if end else len(page)]
        paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
        yield _clause(heading["id"].strip(), paragraphs)


def _clause(clause_id: str, paragraphs: list[str]) -> Clause:
    if not _ID.fullmatch(clause_id):
        raise ValueError(f"{clause_id!r} is no id: a family in capitals, - and a number")
    text = [part for part in paragraphs if not _is_annotation(part)]
    origins = [found for part in paragraphs if (found := _ORIGIN.fullmatch(part))]
    if not text or len(origins) != 1:
        raise ValueError(f"{clause_id} has {len(text)} texts and {len(origins)} tags")
    tag, source = cast("Tag", origins[0]["tag"]), origins[0]["source"] or ""
    switch = _SWITCH.search(source)
    if switch and tag != "assumed":
        raise ValueError(f"{clause_id} is {tag} and has a switch")
    return Clause(
        id=clause_id,
        text=" ".join(text),
        tag=tag,
        source=source,
        switch=switch["switch"] if switch else None,
        refused=_after(_REFUSED, paragraphs),
        untested=_after(_UNTESTED, paragraphs),
    )


def _is_annotation(paragraph: str) -> bool:
    return bool(_ORIGIN.fullmatch(paragraph)) or paragraph.startswith((_REFUSED, _UNTESTED))


def _after(word: str, paragraphs: list[str]) -> str | None:
    found = [part.removeprefix(word) for part in paragraphs if part.startswith(word)]
    return " ".join(found) or None

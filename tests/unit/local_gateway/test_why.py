"""What is said to the developer, and how often."""

from __future__ import annotations

import re

from local_gateway import why
from local_gateway.why import REASONS, Why


def test_a_line_has_the_clause_the_place_the_text_and_the_id() -> None:
    lines: list[str] = []

    sayer = Why(lines.append)
    sayer.say(why.SUBPROTOCOL_NOT_OFFERED, "stage dev", subprotocol="mqtt")

    (said,) = sayer.said
    clause = why.SUBPROTOCOL_NOT_OFFERED.clause
    assert lines == [f"{clause} stage dev: {said.text} (subprotocol-not-offered)"]


def test_a_reason_is_said_once_for_each_place() -> None:
    lines: list[str] = []
    sayer = Why(lines.append)

    for place in ("route join", "route leave", "route join"):
        sayer.say(why.ONE_WAY_BODY, place)

    assert [line.split(":")[0].split(" ", 1)[1] for line in lines] == ["route join", "route leave"]
    assert [(said.place, said.times) for said in sayer.said] == [
        ("route join", 2),
        ("route leave", 1),
    ]


def test_what_goes_on_is_said_at_powers_of_ten() -> None:
    lines: list[str] = []
    sayer = Why(lines.append)

    for _ in range(150):
        sayer.say(why.ONE_WAY_BODY, "route join")

    assert [line.rpartition(" (")[2] for line in lines] == [
        "one-way-body)",
        "one-way-body, 10 times so far)",
        "one-way-body, 100 times so far)",
    ]


def test_what_was_said_has_the_facts_of_the_last_time() -> None:
    sayer = Why()

    for subprotocol in ("mqtt", "chat"):
        sayer.say(why.SUBPROTOCOL_NOT_OFFERED, "stage dev", subprotocol=subprotocol)

    assert ["chat" in said.text for said in sayer.said] == [True]


def test_every_id_is_words_with_hyphens_and_every_clause_has_a_family_and_a_number() -> None:
    assert [name for name in REASONS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    assert [
        reason for reason in REASONS.values() if not re.fullmatch(r"[A-Z]+-\d+", reason.clause)
    ] == []

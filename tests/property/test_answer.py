"""However the network cuts it, an answer is the same; whatever comes, reading it ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudpush.management.answer import Answer, AnswerGarbled, AnswerReader

if TYPE_CHECKING:
    from collections.abc import Sequence

BODIES = st.binary(max_size=300)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Answer]:
    status = draw(st.sampled_from([200, 400, 403, 410, 413, 429, 500, 503]))
    is_last = draw(st.booleans())
    fields = [b"Date: now", b"Content-Type: application/json"]
    if is_last:
        fields.append(b"Connection: close")
    if draw(st.booleans()):
        body = draw(BODIES)
        fields.append(b"Content-Length: %d" % len(body))
    else:
        chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        fields.append(b"Transfer-Encoding: chunked")
    head = b"\r\n".join([b"HTTP/1.1 %d Reason" % status, *draw(st.permutations(fields))])
    return head + b"\r\n\r\n" + body, Answer(status, is_last)


def cut(data: bytes, positions: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({position % (len(data) + 1) for position in positions}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(
    sequence=st.lists(answers(), min_size=1, max_size=4),
    positions=st.lists(st.integers(0, 5000), max_size=12),
)
def test_answers_are_read_however_they_are_cut(
    sequence: list[tuple[bytes, Answer]], positions: list[int]
) -> None:
    reader = AnswerReader()

    for data, expected in sequence:
        *before, last = [piece for piece in cut(data, positions) if piece]

        assert [reader.feed(piece) for piece in before] == [None] * len(before)
        assert reader.feed(last) == expected


NAMES = st.lists(
    st.sampled_from(
        [
            b"Date",
            b"x-amzn-RequestId",
            b"Content-Length",
            b"content-length",
            b"Connection",
            b"Transfer-Encoding",
            b"X-Content-Length",
            b"Connection ",
            b"no colon",
        ]
    ),
    max_size=4,
)
VALUES = st.sampled_from(
    [
        b"0",
        b"1",
        b"00",
        b"close",
        b"keep-alive",
        b"chunked",
        b"",
        b"a:b",
        b"a\nb",
        b"x\r\n y",
        b"x\r\nContent-Length: 1",
        b"x\r\nConnection: close",
        b"x\r\n\r\nHTTP/1.1 410 Gone",
    ]
)


@st.composite
def two_that_are_alike(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return two answers with the same fields, of which some have other values."""
    names = draw(NAMES)
    first = [draw(VALUES) for _ in names]
    second = [draw(st.sampled_from([value, draw(VALUES)])) for value in first]
    statuses = [draw(st.sampled_from([200, 200, 202, 410])) for _ in range(2)]
    bodies = [draw(st.sampled_from([b"", b"", b"x"])) for _ in range(2)]
    lines = [
        [b"HTTP/1.1 %d OK" % status, *map(b"%b: %b".__mod__, zip(names, values, strict=True))]
        for status, values in zip(statuses, (first, second), strict=True)
    ]
    one, other = (
        b"\r\n".join([*each, b"Content-Length: 0", b"", body])
        for each, body in zip(lines, bodies, strict=True)
    )
    return one, other


def read(reader: AnswerReader, data: bytes) -> Answer | str | None:
    try:
        return reader.feed(data)
    except AnswerGarbled as error:
        return str(error)


@settings(max_examples=500)
@given(two_that_are_alike())
def test_an_answer_means_the_same_whatever_was_read_before(answers: tuple[bytes, bytes]) -> None:
    first, second = answers
    reader = AnswerReader()
    before = read(reader, first)
    assume(isinstance(before, Answer) and not before.is_last)

    again = read(reader, second)

    assert again == read(AnswerReader(), second)


@given(
    data=st.one_of(
        st.binary(max_size=400),
        answers().map(lambda answer: answer[0]),
        st.tuples(answers(), st.integers(0, 400), st.binary(max_size=3)).map(
            lambda parts: parts[0][0][: parts[1]] + parts[2] + parts[0][0][parts[1] :]
        ),
    ),
    positions=st.lists(st.integers(0, 5000), max_size=12),
)
def test_nothing_but_garbled_is_raised_for_any_bytes(data: bytes, positions: list[int]) -> None:
    reader = AnswerReader()

    try:
        found = [reader.feed(piece) for piece in cut(data, positions)]
    except AnswerGarbled:
        return

    assert all(answer is None or 200 <= answer.status < 600 for answer in found)

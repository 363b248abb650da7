from __future__ import annotations

import pytest

from cloudpush.management.answer import HEAD_LIMIT, Answer, AnswerGarbled, AnswerReader

SENT = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

WHOLE_ANSWERS = {
    "sized": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Answer(200, is_last=False)),
    "empty": (SENT, Answer(200, is_last=False)),
    "names-in-any-case": (
        b"HTTP/1.1 200 OK\r\ncONTENT-lENGTH:5\r\n\r\nhello",
        Answer(200, is_last=False),
    ),
    "no-reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Answer(200, is_last=False)),
    "lengths-that-agree": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        Answer(200, is_last=False),
    ),
    "no-content": (b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", Answer(204, is_last=False)),
    "no-headers": (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, is_last=False)),
    "closing": (
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
        Answer(200, is_last=True),
    ),
    "keeping": (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        Answer(200, is_last=False),
    ),
    "http-1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Answer(200, is_last=True)),
    "chunked": (
        CHUNKED + b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n",
        Answer(200, is_last=False),
    ),
    "chunked-with-extensions-and-trailers": (
        CHUNKED.replace(b"chunked", b"Chunked")
        + b'2;name="value"\r\n\r\n\r\n0\r\nDigest: x\r\nOther: y\r\n\r\n',
        Answer(200, is_last=False),
    ),
    "after-interim-answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SENT,
        Answer(200, is_last=False),
    ),
    "refused": (
        b"HTTP/1.1 403 No\r\nx-amzn-ErrorType: AccessDeniedException\r\nContent-Length: 1\r\n\r\n{",
        Answer(403, is_last=False, error_type="AccessDeniedException"),
    ),
    "refused-with-a-namespace": (
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nX-Amzn-Errortype: ForbiddenException:http://x\r\n\r\n",
        Answer(403, is_last=False, error_type="ForbiddenException"),
    ),
}


@pytest.mark.parametrize(
    ("data", "expected"), WHOLE_ANSWERS.values(), ids=list(WHOLE_ANSWERS.keys())
)
def test_whole_answer_is_read(data: bytes, expected: Answer) -> None:
    assert AnswerReader().feed(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"), WHOLE_ANSWERS.values(), ids=list(WHOLE_ANSWERS.keys())
)
def test_answer_in_two_pieces_is_read_wherever_it_is_cut(data: bytes, expected: Answer) -> None:
    for cut in range(1, len(data)):
        reader = AnswerReader()

        assert reader.feed(data[:cut]) is None, cut
        assert reader.feed(data[cut:]) == expected, cut


@pytest.mark.parametrize(
    ("data", "expected"), WHOLE_ANSWERS.values(), ids=list(WHOLE_ANSWERS.keys())
)
def test_answer_is_read_byte_by_byte(data: bytes, expected: Answer) -> None:
    reader = AnswerReader()

    answers = [reader.feed(bytes([byte])) for byte in data]

    assert answers == [*[None] * (len(data) - 1), expected]


def test_one_reader_reads_one_answer_after_another() -> None:
    reader = AnswerReader()

    for data, expected in WHOLE_ANSWERS.values():
        assert reader.feed(data) == expected


def test_answer_without_a_length_ends_with_the_stream() -> None:
    reader = AnswerReader()

    assert reader.feed(b"HTTP/1.1 200 OK\r\nDate: now\r\n\r\nsome body") is None
    assert reader.feed(b" and more") is None
    assert reader.end() == Answer(200, is_last=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200", SENT[:-1], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"],
)
def test_end_of_the_stream_completes_no_other_answer(data: bytes) -> None:
    reader = AnswerReader()

    reader.feed(data)

    assert reader.end() is None


def test_end_of_the_stream_between_two_answers_is_none() -> None:
    reader = AnswerReader()
    reader.feed(SENT)

    assert reader.end() is None


@pytest.mark.parametrize(
    "data",
    [
        SENT + b"H",
        SENT + SENT,
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
        CHUNKED + b"0\r\n\r\nX",
    ],
)
def test_bytes_after_an_answer_make_it_the_last(data: bytes) -> None:
    answer = AnswerReader().feed(data)

    assert answer is not None
    assert answer.is_last


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 99 Odd\r\n\r\n",
        b"HTTP/1.1 2000 Odd\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"\r\n" + SENT,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"FFFFFFFFF\r\n",
        CHUNKED + b"1\r\nabc\r\n",
        CHUNKED + b"1\r\na\rc\n",
        b"x" * (HEAD_LIMIT + 1),
        CHUNKED + b"1" * (HEAD_LIMIT + 1),
    ],
)
def test_what_no_server_should_send_is_refused(data: bytes) -> None:
    reader = AnswerReader()

    with pytest.raises(AnswerGarbled):
        reader.feed(data)

"""HTTP/1.1 answers, read without I/O: bytes in, a status out.

Only what framing and classification need is read (RFC 9112, sections 4, 6 and 7): the status,
`Content-Length`, `Transfer-Encoding`, `Connection`, and AWS's name for an error. Bodies are
counted and dropped. What a server should not send is refused, never guessed at.
"""

from __future__ import annotations

import functools
import re
from typing import Final

import msgspec

HEAD_LIMIT: Final = 32 * 1024
"""Bytes that a head, or the size line or the trailers of a chunked body, may have."""

_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
_ERROR_TYPE: Final = re.compile(rb"\r\nx-amzn-errortype[ \t]*:[ \t]*([\w.]+)", re.IGNORECASE)
_FRAMING_NAMES: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?(?:\r\n|$)")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_LENGTH: Final = re.compile(rb"[0-9]{1,10}")
_CRLF: Final = b"\r\n"
_NO_CONTENT: Final = 204
_NOT_MODIFIED: Final = 304
_SWITCHING_PROTOCOLS: Final = 101
_OK: Final = 200
_MULTIPLE_CHOICES: Final = 300


class AnswerGarbled(Exception):
    """What came is not an HTTP/1.1 answer; the line is lost."""


class Answer(msgspec.Struct, frozen=True):
    """One whole answer."""

    status: int
    is_last: bool
    """No other request may follow on this line."""
    error_type: str = ""
    """The `x-amzn-ErrorType` of an answer that is not 2xx, `AccessDeniedException`."""


class _Framing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a body is, and whether the line can be used after it."""

    size: int = 0
    is_chunked: bool = False
    is_until_close: bool = False
    is_last: bool


_NO_BODY: Final = _Framing(is_last=False)


# A gateway frames most of its answers alike: what it means is worked out once.
@functools.lru_cache(maxsize=64)
def _frame(status: int, minor_version: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> _Framing:
    """Decide how long the body is: RFC 9112, section 6.3, in its order.

    Args:
        status: not an interim one.
        minor_version: `0` or `1`; HTTP/1.0 closes after each answer.
        fields: names and values of the framing fields, as they came.

    Raises:
        AnswerGarbled: the fields contradict each other, or one has no meaning.
    """
    lower = [(name.lower(), value.rstrip().lower()) for name, value in fields]
    lengths = {value for name, value in lower if name == b"content-length"}
    codings = [value for name, value in lower if name == b"transfer-encoding"]
    is_last = minor_version == b"0" or any(
        b"close" in value for name, value in lower if name == b"connection"
    )
    if codings and (codings != [b"chunked"] or lengths):
        # Two lengths are how requests are smuggled, and nobody has asked for other codings.
        raise AnswerGarbled("framed in two ways, or in an unknown one")
    if lengths and not (len(lengths) == 1 and all(map(_LENGTH.fullmatch, lengths))):
        raise AnswerGarbled("the length is not one number")
    if status in {_NO_CONTENT, _NOT_MODIFIED}:
        return _Framing(is_last=is_last)
    if codings:
        return _Framing(is_chunked=True, is_last=is_last)
    if lengths:
        return _Framing(size=int(lengths.pop()), is_last=is_last)
    return _Framing(is_until_close=True, is_last=True)


def _alike(head: bytes) -> re.Pattern[bytes] | None:
    """Return how every answer looks that means the same as one with this head and no body.

    Status line and framing fields are as they are here, and the same others have other values. As
    no value has the end of a line in it, `_FRAMING` would find the same. None: a field is unusual.
    """
    status_line, *fields = head.split(_CRLF)
    parts = [re.escape(status_line)]
    for field in fields:
        name, colon, _ = field.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            return None
        is_framing = name.lower() in _FRAMING_NAMES
        parts.append(re.escape(field) if is_framing else re.escape(name) + rb":[^\r\n]*+")
    return re.compile(rb"\r\n".join(parts) + rb"\r\n\r\n")


class AnswerReader:
    """Reads answers to one request after another, in pieces of any size."""

    def __init__(self) -> None:
        self._usual: re.Pattern[bytes] | None = None
        """How an answer looks that means `_usual_answer`: most differ in their date and ids alone,
        and one match tells as much as reading it."""
        self._usual_answer = Answer(_OK, is_last=False)
        self._pending: bytes = b""
        self._answer: Answer | None = None
        self._sized = 0
        self._chunks: _ChunkReader | None = None
        self._is_until_close = False

    def feed(self, data: bytes) -> Answer | None:
        """Take the next bytes; return the answer once it is whole.

        An answer that is followed by more bytes is marked `is_last`: nothing was asked that
        they could answer, so what stands on this line is no longer known.

        Raises:
            AnswerGarbled: this is not HTTP/1.1, or larger than the limits.
        """
        is_between = self._answer is None and not self._pending
        if is_between and self._usual is not None and self._usual.fullmatch(data):
            return self._usual_answer
        while self._answer is None:
            if self._pending:
                data = self._pending + data
            end = data.find(b"\r\n\r\n", max(0, len(self._pending) - 3))
            if end < 0:
                if len(data) > HEAD_LIMIT:
                    raise AnswerGarbled("the head has no end")
                self._pending = data
                return None
            self._pending = b""
            self._answer = self._read_head(data[:end])
            data = data[end + 4 :]
        rest = self._read_body(data)
        if rest is None:
            return None
        answer, self._answer = self._answer, None
        return msgspec.structs.replace(answer, is_last=True) if rest else answer

    def end(self) -> Answer | None:
        """Take the end of the stream: it completes an answer without a length (RFC 9112, 6.3)."""
        return self._answer if self._is_until_close else None

    def _read_head(self, head: bytes) -> Answer | None:
        """Return the answer to come, or None if this head is an interim one (1xx)."""
        line = _STATUS_LINE.match(head)
        if line is None:
            raise AnswerGarbled(f"not a status line: {head[:40]!r}")
        status = int(line[2])
        if status < _OK:
            if status == _SWITCHING_PROTOCOLS:
                raise AnswerGarbled("switched to a protocol that nobody asked for")
            return None
        framing = _frame(status, line[1], tuple(_FRAMING.findall(head)))
        self._sized = framing.size
        self._is_until_close = framing.is_until_close
        self._chunks = _ChunkReader() if framing.is_chunked else None
        if status < _MULTIPLE_CHOICES:
            answer = Answer(status, framing.is_last)
            if self._usual is None and framing == _NO_BODY:
                self._usual, self._usual_answer = _alike(head), answer
            return answer
        kind = _ERROR_TYPE.search(head)
        return Answer(status, framing.is_last, kind[1].decode() if kind else "")

    def _read_body(self, data: bytes) -> bytes | None:
        """Return what follows the body, or None while it is not whole."""
        if self._chunks is not None:
            return self._chunks.feed(data)
        if self._is_until_close:
            return None
        size = self._sized
        if len(data) < size:
            self._sized -= len(data)
            return None
        return data[size:]


class _ChunkReader:
    """Reads a chunked body (RFC 9112, section 7.1) to its end, and drops it."""

    def __init__(self) -> None:
        self._pending = b""
        self._to_skip = 0
        """Bytes of this chunk that are still to come, its CRLF included."""
        self._is_in_trailers = False

    def feed(self, data: bytes) -> bytes | None:
        """Return what follows the body, or None while it is not whole."""
        data = self._pending + data
        self._pending = b""
        while data:
            if self._to_skip:
                data = self._skip(data)
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                if len(data) > HEAD_LIMIT:
                    raise AnswerGarbled("the line of a chunk has no end")
                self._pending = data
                return None
            data = rest
            if not self._is_in_trailers:
                self._read_size(line)
            elif not line:
                return data
        return None

    def _skip(self, data: bytes) -> bytes:
        """Return what follows this chunk's part of the data."""
        if self._to_skip > len(_CRLF):
            skipped = min(self._to_skip - len(_CRLF), len(data))
        else:
            skipped = min(self._to_skip, len(data))
            if not _CRLF[-self._to_skip :].startswith(data[:skipped]):
                raise AnswerGarbled("a chunk is longer than it said")
        self._to_skip -= skipped
        return data[skipped:]

    def _read_size(self, line: bytes) -> None:
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise AnswerGarbled(f"not the size of a chunk: {line[:40]!r}")
        content = int(size[1], 16)
        if content:
            self._to_skip = content + len(_CRLF)
        else:
            self._is_in_trailers = True

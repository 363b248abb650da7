"""A job as the text that a queue carries: written by the queues, read by the functions."""

from __future__ import annotations

from typing import Final

import msgspec

from cloudpush.errors import JobUnreadable, PayloadTooLarge
from cloudpush.model import Job

RECORD_BYTES: Final = 1024 * 1024
"""The most that one record may have, in UTF-8.

Amazon SQS API Reference, SendMessageBatch («1 MiB 1,048,576 bytes»); it was 256 KiB until August
2025."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Job] = msgspec.json.Decoder(Job)

_ESCAPES: Final = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}
"""JSON may have these two characters, SQS may not: «#x20 to #xD7FF | #xE000 to #xFFFD».

It refuses a whole request for one of them, or replaces it (both are documented). As JSON only
ever has them inside strings, the escape means the same."""


def encode_job(job: Job) -> str:
    """Return a job as JSON that a queue carries unchanged.

    Raises:
        PayloadTooLarge: it has more than `RECORD_BYTES`.
    """
    data = _encoder.encode(job)
    body = data.decode()
    if not body.isascii():
        body = body.translate(_ESCAPES)
        data = body.encode()
    if len(data) > RECORD_BYTES:
        raise PayloadTooLarge(f"a job of {len(data)} bytes; a queue takes {RECORD_BYTES}")
    return body


def decode_job(body: str) -> Job:
    """Return the job that a record's body holds.

    Raises:
        JobUnreadable: it holds none.
    """
    try:
        data = body.encode()
        if len(data) > RECORD_BYTES:
            raise JobUnreadable(f"not a job: {len(data)} bytes; a queue takes {RECORD_BYTES}")
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise JobUnreadable(f"not a job: {error}") from error

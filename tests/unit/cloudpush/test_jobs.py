from __future__ import annotations

import pytest

from cloudpush.errors import JobUnreadable, PayloadTooLarge
from cloudpush.jobs import RECORD_BYTES, decode_job, encode_job
from cloudpush.model import Delivery, Eviction, FanOut, Job, Welcome
from tests.fakes.push_service import a_connection, a_publication


@pytest.mark.parametrize(
    "job",
    [
        Welcome(connection=a_connection()),
        Delivery(publication=a_publication(), connections=[a_connection()], attempt=3),
        FanOut(message_id="m", doublings=4, hop=9),
        Eviction(connection=a_connection(), close_code=4101),
    ],
    ids=lambda job: type(job).__name__,
)
def test_a_job_survives_the_queue(job: Job) -> None:
    assert decode_job(encode_job(job)) == job


def fan_out(text: str) -> FanOut:
    return FanOut(message_id=text)


def test_job_of_exactly_the_limit_is_encoded() -> None:
    overhead = len(encode_job(fan_out("")))

    body = encode_job(fan_out("x" * (RECORD_BYTES - overhead)))

    assert len(body.encode()) == RECORD_BYTES


def test_one_byte_more_is_too_large() -> None:
    overhead = len(encode_job(fan_out("")))

    with pytest.raises(PayloadTooLarge):
        encode_job(fan_out("x" * (RECORD_BYTES - overhead + 1)))


def test_noncharacters_are_escaped_and_come_back() -> None:
    job = fan_out("\ufffe\uffff \\uffff")

    body = encode_job(job)

    assert not {"\ufffe", "\uffff"} & set(body)
    assert decode_job(body) == job


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "{}",
        '{"type":"nonsense"}',
        '{"type":"fan-out"}',
        '{"type":"welcome","connection":1}',
        "[" * 100_000,
        "\ud800",
        '{"type":"\ud800"}',
    ],
    ids=lambda body: body[:20].encode("ascii", "backslashreplace").decode(),
)
def test_another_text_is_no_job(body: str) -> None:
    with pytest.raises(JobUnreadable):
        decode_job(body)

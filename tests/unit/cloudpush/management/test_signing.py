from __future__ import annotations

import pytest

from cloudpush.errors import ConfigurationWrong
from cloudpush.management.signing import Signer
from tests.fakes.credentials import StaticCredentials

NOON_MS = 1_736_164_800_000  # 2025-01-06 12:00:00 UTC
PATH = "/dev/%40connections/PJqB0fHsqRcCHlw%253D"


@pytest.fixture
def signer() -> Signer:
    return Signer(host="api.example.com", region="eu-west-1")


def test_headers_are_those_of_a_signed_request(signer: Signer) -> None:
    signer.use(StaticCredentials())

    headers = signer.sign("POST", PATH, b"hello", now_ms=NOON_MS).split("\r\n")

    assert headers[:3] == [
        "Host: api.example.com",
        "X-Amz-Date: 20250106T120000Z",
        "X-Amz-Security-Token: IQoJb3JpZ2luX2VjEXAMPLE/+token==",
    ]
    authorization, _, signature = headers[3].rpartition("=")
    assert authorization == (
        "Authorization: AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20250106/eu-west-1/execute-api/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature"
    )
    assert len(bytes.fromhex(signature)) == 32
    assert len(headers) == 4


def test_without_a_token_none_is_sent_or_signed(signer: Signer) -> None:
    signer.use(StaticCredentials(token=None))

    headers = signer.sign("POST", PATH, b"hello", now_ms=NOON_MS)

    assert "security-token" not in headers.lower()


def test_canonical_request_has_the_path_encoded_twice_and_an_empty_query(signer: Signer) -> None:
    signer.use(StaticCredentials(token=None))

    canonical_request = signer.canonical_request("DELETE", PATH, b"", now_ms=NOON_MS)

    assert canonical_request == (
        "DELETE\n"
        "/dev/%40connections/PJqB0fHsqRcCHlw%253D\n"
        "\n"
        "host:api.example.com\n"
        "x-amz-date:20250106T120000Z\n"
        "\n"
        "host;x-amz-date\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_the_same_credentials_again_change_nothing(signer: Signer) -> None:
    signer.use(StaticCredentials())
    before = signer.sign("POST", PATH, b"hello", now_ms=NOON_MS)

    signer.use(StaticCredentials())

    assert signer.sign("POST", PATH, b"hello", now_ms=NOON_MS) == before


@pytest.mark.parametrize(
    "credentials",
    [
        StaticCredentials(access_key="AKID\r\nX-Evil: 1"),
        StaticCredentials(token="token\n"),
        StaticCredentials(token="to ken"),
        StaticCredentials(token="tokén"),
    ],
)
def test_credentials_that_would_break_a_header_are_refused(
    signer: Signer, credentials: StaticCredentials
) -> None:
    with pytest.raises(ConfigurationWrong):
        signer.use(credentials)


def test_nothing_is_signed_without_credentials(signer: Signer) -> None:
    with pytest.raises(RuntimeError):
        signer.sign("POST", PATH, b"", now_ms=NOON_MS)

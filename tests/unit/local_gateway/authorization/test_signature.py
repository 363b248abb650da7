"""Why a signature is refused, in AWS's words. That right ones are accepted is in tests/property."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from local_gateway.authorization.errors import (
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    SignatureError,
    UnrecognizedClient,
)
from local_gateway.authorization.signature import Credentials, SentRequest, verify

ALICE = Credentials("AKIDEXAMPLE", "secret")
SESSION = Credentials("local", "local", "token")
NOW_MS = 1_650_301_649_000  # 2022-04-18T17:07:29Z
SCOPE = "20220418/us-east-1/execute-api/aws4_request"


def request(
    authorization: str = "", *, query: str = "", date: str = "20220418T170729Z"
) -> SentRequest:
    headers = [(b"host", b"x"), (b"x-amz-date", date.encode())]
    if authorization:
        headers.append((b"Authorization", authorization.encode()))
    return SentRequest("POST", "/test/@connections/x=", query, headers, b"hello")


def signed_with(
    scope: str = SCOPE, key: str = "AKIDEXAMPLE", headers: str = "host;x-amz-date"
) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={headers}, Signature={'0' * 64}"
    )


def refusal(sent: SentRequest) -> SignatureError:
    known = {(each.access_key, each.session_token): each for each in (ALICE, SESSION)}
    with pytest.raises(SignatureError) as raised:
        verify(sent, known, region="us-east-1", now_ms=NOW_MS)
    return raised.value


def message(error: SignatureError) -> str:
    assert error.answer.status == 403
    return json.loads(error.answer.body)["message"]


def test_without_a_signature_the_token_is_missing() -> None:
    error = refusal(request())

    assert isinstance(error, MissingAuthenticationToken)
    assert error.answer.error_type == "MissingAuthenticationTokenException"
    assert error.answer.body == b'{"message":"Missing Authentication Token"}'


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (
            "Bearer abc",
            (
                "'abc' not a valid key=value pair (missing equal-sign) in Authorization header: "
                "'Bearer abc'."
            ),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=x",
            (
                "Authorization header requires 'Signature' parameter. "
                "Authorization header requires 'SignedHeaders' parameter. "
                "Authorization=AWS4-HMAC-SHA256"
            ),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
            (
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                "keyid/date/region/service/term, got 'a/b'"
            ),
        ),
    ],
)
def test_a_header_that_cannot_be_read_is_incomplete(authorization: str, text: str) -> None:
    error = refusal(request(authorization))

    assert isinstance(error, IncompleteSignature)
    assert error.answer.error_type == "IncompleteSignatureException"
    assert message(error) == text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "AWS query-string parameters must include 'X-Amz-Credential'.",
        ),
        ("X-Amz-Signature=x", "AWS query-string parameters must include 'X-Amz-Algorithm'."),
    ],
)
def test_a_query_that_cannot_be_read_is_incomplete(query: str, text: str) -> None:
    error = refusal(request(query=query))

    assert isinstance(error, IncompleteSignature)
    assert message(error) == text


def test_expiry_has_to_be_a_number_of_seconds_up_to_a_week() -> None:
    parts = {
        "Algorithm": "AWS4-HMAC-SHA256",
        "Credential": f"AKIDEXAMPLE/{SCOPE}",
        "Signature": "0",
        "SignedHeaders": "host",
        "Date": "20220418T170729Z",
        "Expires": "604801",
    }

    error = refusal(request(query="&".join(f"X-Amz-{name}={v}" for name, v in parts.items())))

    assert isinstance(error, IncompleteSignature)
    assert "604800" in message(error)


@pytest.mark.parametrize("key", ["AKIDOTHER", "local"])
def test_an_unknown_key_or_token_is_not_recognized(key: str) -> None:
    error = refusal(request(signed_with(key=key)))

    assert isinstance(error, UnrecognizedClient)
    assert error.answer.error_type == "UnrecognizedClientException"
    assert message(error) == "The security token included in the request is invalid."


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (
            "20220418/eu-west-1/execute-api/aws4_request",
            "Credential should be scoped to a valid region, not 'eu-west-1'. ",
        ),
        (
            "20220418/us-east-1/apigateway/aws4_request",
            "Credential should be scoped to correct service: 'execute-api'. ",
        ),
        (
            "20220417/us-east-1/execute-api/aws4_request",
            (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                "from HTTP: '20220417' != '20220418', from '20220418T170729Z'. "
            ),
        ),
    ],
)
def test_a_scope_of_something_else_is_invalid(scope: str, text: str) -> None:
    error = refusal(request(signed_with(scope)))

    assert isinstance(error, InvalidSignature)
    assert error.answer.error_type == "InvalidSignatureException"
    assert message(error) == text


@pytest.mark.parametrize(
    ("date", "text"),
    [
        (
            "20220418T170228Z",
            (
                "Signature expired: 20220418T170228Z is now earlier than 20220418T170229Z "
                "(20220418T170729Z - 5 min.)"
            ),
        ),
        (
            "20220418T171230Z",
            (
                "Signature not yet current: 20220418T171230Z is still later than 20220418T171229Z "
                "(20220418T170729Z + 5 min.)"
            ),
        ),
    ],
)
def test_a_time_five_minutes_away_is_invalid(date: str, text: str) -> None:
    error = refusal(request(signed_with(), date=date))

    assert isinstance(error, InvalidSignature)
    assert message(error) == text


def test_the_host_has_to_be_signed() -> None:
    error = refusal(request(signed_with(headers="x-amz-date")))

    assert "'Host' or ':authority' must be a 'SignedHeader'" in message(error)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/test/@connections/x=", "/test/%40connections/x%3D"),
        ("/dev/%40connections/x%3D", "/dev/%2540connections/x%253D"),
    ],
)
def test_another_signature_is_told_what_it_should_have_been(path: str, canonical: str) -> None:
    error = refusal(replace(request(signed_with()), path=path))

    head, _, rest = message(error).partition("\n\n")
    assert head == (
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details."
    )
    assert rest.startswith(
        "The Canonical String for this request should have been\n"
        f"'POST\n{canonical}\n\nhost:x\nx-amz-date:20220418T170729Z\n\nhost;x-amz-date\n"
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'\n\n"
        "The String-to-Sign should have been\n"
        f"'AWS4-HMAC-SHA256\n20220418T170729Z\n{SCOPE}\n"
    )
    assert rest.endswith("'\n")

"""What authorizers return, right and wrong."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from local_gateway.authorization.errors import AuthorizerFailed
from local_gateway.authorization.result import (
    RESULT_BYTES,
    AuthorizerResult,
    read_result,
    write_context,
)

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}],
}


def read(**changes: object) -> AuthorizerResult:
    result = {"principalId": "alice", "policyDocument": POLICY, **changes}
    return read_result(orjson.dumps(result))


def test_principal_and_policy_are_enough() -> None:
    result = read()

    assert (result.principal_id, dict(result.context), result.usage_identifier_key) == (
        "alice",
        {},
        None,
    )


def test_context_is_written_as_texts_with_the_principal_last() -> None:
    result = read(context={"name": "é", "n": 5, "x": 1.5, "yes": True, "no": False, "none": None})

    written = write_context(result, keeps_types=False)

    assert orjson.dumps(written).decode() == (
        '{"name":"é","n":"5","x":"1.5","yes":"true","no":"false","principalId":"alice"}'
    )


def test_context_keeps_its_types_if_asked_to() -> None:
    result = read(context={"n": 5, "x": 1.5, "yes": True})

    assert write_context(result, keeps_types=True) == {
        "n": 5,
        "x": 1.5,
        "yes": True,
        "principalId": "alice",
    }


def test_context_does_not_replace_what_the_service_writes() -> None:
    result = read(context={"principalId": "mallory", "integrationLatency": 1})

    assert write_context(result, keeps_types=False) == {"principalId": "alice"}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "not JSON"),
        (b"NaN", "not JSON"),
        (b"null", "not an object"),
        (b"[]", "not an object"),
        (b'"Allow"', "not an object"),
        (b"{}", "principalId is None"),
        (b'{"isAuthorized":true}', "simple response of HTTP APIs"),
        (b'{"statusCode":401}', "principalId is None"),
        (b'{"principalId":"alice"}', "not an object"),
        (b'{"principalId":"alice","policyDocument":{}}', "Statement is missing"),
        (orjson.dumps({"principalId": 7, "policyDocument": POLICY}), "principalId is 7"),
        (orjson.dumps({"principalId": "", "policyDocument": POLICY}), "principalId is ''"),
    ],
)
def test_what_is_no_policy_is_a_failure(payload: bytes, problem: str) -> None:
    with pytest.raises(AuthorizerFailed, match=problem):
        read_result(payload)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"context": {"claims": {"sub": "alice"}}}, "context.claims is an object"),
        ({"context": {"roles": ["admin"]}}, "context.roles is a list"),
        ({"context": "alice"}, "context is 'alice'"),
        ({"usageIdentifierKey": 1}, "usageIdentifierKey is 1"),
    ],
)
def test_what_cannot_be_passed_on_is_a_failure(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(AuthorizerFailed, match=problem):
        read(**changes)


def test_a_result_may_have_8_kilobytes_and_no_more() -> None:
    room = RESULT_BYTES - len(
        orjson.dumps({"principalId": "", "policyDocument": POLICY, "context": {"filler": ""}})
    )
    full = {
        "principalId": "alice",
        "policyDocument": POLICY,
        "context": {"filler": "x" * (room - len("alice"))},
    }

    assert len(orjson.dumps(full)) == RESULT_BYTES
    assert read_result(orjson.dumps(full)).principal_id == "alice"
    full["principalId"] = "alicia"
    with pytest.raises(AuthorizerFailed, match="8193 bytes"):
        read_result(orjson.dumps(full))

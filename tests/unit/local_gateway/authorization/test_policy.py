"""Policies as IAM evaluates them, on the resources of a WebSocket API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local_gateway.authorization import policy
from local_gateway.authorization.conditions import write_facts
from local_gateway.authorization.policy import Decision, MalformedPolicy

if TYPE_CHECKING:
    from local_gateway.authorization.conditions import Json

API = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234"
CONNECT = f"{API}/prod/$connect"
INVOKE = "execute-api:Invoke"
FACTS = write_facts(source_ip="192.0.2.40", user_agent="curl", now_ms=1_769_860_800_000)


def statement(effect: str = "Allow", **changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": effect, "Action": INVOKE, "Resource": CONNECT, **changes}
    return {name: value for name, value in made.items() if value is not None}


def decide(*statements: dict[str, Any], action: str = INVOKE, resource: str = CONNECT) -> Decision:
    document = policy.read({"Version": "2012-10-17", "Statement": list(statements)})
    return document.decide(action, resource, FACTS)


@pytest.mark.parametrize(
    "resource",
    [
        CONNECT,
        "*",
        f"{API}/*",
        f"{API}/prod/*",
        f"{API}/*/$connect",
        f"{API}/pro?/$conn?ct",
        "arn:aws:execute-api:*:*:abcdef1234/prod/$connect",
        "arn:aws:execute-api:*",
    ],
)
def test_a_resource_that_matches_is_allowed(resource: str) -> None:
    assert decide(statement(Resource=resource)) is Decision.ALLOWED


@pytest.mark.parametrize(
    "resource",
    [
        f"{API}/prod/*/*",  # the shape of REST APIs
        f"{API}/dev/$connect",
        f"{API}/prod/$CONNECT",
        f"{API}/prod/$connect/",
        f"{API}/prod",
        f"{API}/prod/$default",
        f"{API}/prod?/$connect",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef12345/*",
        "",
    ],
)
def test_a_resource_that_does_not_match_is_not_allowed(resource: str) -> None:
    assert decide(statement(Resource=resource)) is Decision.UNMATCHED


def test_a_dollar_sign_and_a_dot_are_no_wildcards() -> None:
    assert decide(statement(Resource=CONNECT.replace("-", "."))) is Decision.UNMATCHED


@pytest.mark.parametrize("action", [INVOKE, "execute-api:*", "*", "EXECUTE-API:invoke", "exec*"])
def test_an_action_is_compared_without_case(action: str) -> None:
    assert decide(statement(Action=action)) is Decision.ALLOWED


@pytest.mark.parametrize("action", ["execute-api:ManageConnections", "Invoke", "execute-api"])
def test_another_action_allows_nothing(action: str) -> None:
    assert decide(statement(Action=action)) is Decision.UNMATCHED


def test_one_of_several_actions_and_resources_is_enough() -> None:
    several = statement(Action=["s3:*", INVOKE], Resource=[f"{API}/dev/*", CONNECT])

    assert decide(several) is Decision.ALLOWED


def test_a_deny_wins_over_every_allow_wherever_it_stands() -> None:
    deny = statement("Deny", Resource=f"{API}/*")

    assert decide(statement(), deny) is Decision.DENIED
    assert decide(deny, statement()) is Decision.DENIED


def test_a_deny_of_something_else_denies_nothing() -> None:
    assert decide(statement(), statement("Deny", Resource=f"{API}/dev/*")) is Decision.ALLOWED


def test_no_statement_allows_nothing() -> None:
    assert decide() is Decision.UNMATCHED


def test_not_action_is_every_other_action() -> None:
    other = statement(Action=None, NotAction="s3:*")

    assert decide(other) is Decision.ALLOWED
    assert decide(other, action="S3:GetObject") is Decision.UNMATCHED


def test_not_resource_is_every_other_resource() -> None:
    other = statement(Resource=None, NotResource=[f"{API}/prod/*"])

    assert decide(other, resource=f"{API}/dev/$connect") is Decision.ALLOWED
    assert decide(other) is Decision.UNMATCHED


def test_a_single_statement_needs_no_list() -> None:
    document = policy.read({"Statement": statement()})

    assert document.decide(INVOKE, CONNECT, FACTS) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["198.51.100.1", "192.0.2.40"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"StringEquals": {"aws:useragent": "curl"}}, True),
        ({"StringEquals": {"aws:UserAgent": "CURL"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:UserAgent": "CURL"}}, True),
        ({"StringNotEquals": {"aws:UserAgent": ["wget", "curl"]}}, False),
        ({"StringLike": {"aws:UserAgent": "c*l"}}, True),
        ({"StringNotLike": {"aws:UserAgent": "c*l"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-02-01T00:00:00Z"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-02-01"}}, False),
        ({"NumericGreaterThan": {"aws:EpochTime": 1_769_860_799}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        (
            {
                "IpAddress": {"aws:SourceIp": "192.0.2.40"},
                "StringEquals": {"aws:UserAgent": "wget"},
            },
            False,
        ),
    ],
)
def test_a_condition_decides_whether_a_statement_applies(
    condition: dict[str, Any], *, holds: bool
) -> None:
    expected = Decision.ALLOWED if holds else Decision.UNMATCHED

    assert decide(statement(Condition=condition)) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", Decision.UNMATCHED),
        ("StringEqualsIfExists", Decision.ALLOWED),
        ("StringNotEquals", Decision.ALLOWED),
    ],
)
def test_a_condition_on_what_the_request_lacks(operator: str, expected: Decision) -> None:
    document = policy.read(
        {"Statement": statement(Condition={operator: {"aws:UserAgent": "curl"}})}
    )
    facts = write_facts(source_ip="192.0.2.40", user_agent=None, now_ms=0)

    assert document.decide(INVOKE, CONNECT, facts) is expected


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "not an object"),
        ([], "not an object"),
        ({}, "Statement is missing"),
        ({"Version": "2020-01-01", "Statement": []}, "Version is '2020-01-01'"),
        ({"Statement": ["Allow"]}, "a statement is not an object"),
        ({"Statement": statement(effect="allow")}, "Effect is 'allow'"),
        ({"Statement": statement(Action=None)}, "either Action or NotAction"),
        ({"Statement": statement(NotResource="*")}, "either Resource or NotResource"),
        ({"Statement": statement(Resource=[])}, "Resource is"),
        ({"Statement": statement(Resource=[1])}, "Resource is"),
        ({"Statement": statement(Condition=[])}, "Condition is not an object"),
        ({"Statement": statement(Condition={"Bool": 1})}, "Condition Bool is not an object"),
        (
            {"Statement": statement(Condition={"ArnLike": {"aws:SourceArn": "x"}})},
            "ArnLike is not evaluated",
        ),
        (
            {"Statement": statement(Condition={"StringEquals": {"aws:SourceVpc": "x"}})},
            "aws:SourceVpc is not evaluated",
        ),
        (
            {"Statement": statement(Condition={"IpAddress": {"aws:SourceIp": "home"}})},
            "can't be 'home'",
        ),
        (
            {"Statement": statement(Condition={"StringEquals": {"aws:UserAgent": [None]}})},
            "not a text or texts",
        ),
    ],
)
def test_what_is_no_policy_says_why(document: Json, problem: str) -> None:
    with pytest.raises(MalformedPolicy, match=problem):
        policy.read(document)


def test_the_shape_of_rest_apis_is_explained() -> None:
    document = policy.read({"Statement": statement(Resource=f"{API}/prod/*/*")})

    assert document.explain(INVOKE, CONNECT) == (
        f"the policy does not allow execute-api:Invoke on {CONNECT}: it is for {API}/prod/*/*, the "
        "shape of REST APIs (stage/METHOD/path)"
    )


def test_another_stage_is_explained() -> None:
    document = policy.read({"Statement": statement(Resource=f"{API}/dev/$connect")})

    assert document.explain(INVOKE, CONNECT) == (
        f"the policy does not allow execute-api:Invoke on {CONNECT}: it is for {API}/dev/$connect"
    )


def test_a_policy_that_allows_nothing_is_explained() -> None:
    document = policy.read({"Statement": []})

    assert document.explain(INVOKE, CONNECT) == (
        f"the policy allows nothing, and so not execute-api:Invoke on {CONNECT}"
    )

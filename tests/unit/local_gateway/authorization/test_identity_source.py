"""Which identity sources there are, and which a handshake lacks."""

from __future__ import annotations

import pytest

from local_gateway.authorization.identity_source import first_missing, problem_of


@pytest.mark.parametrize(
    "source",
    [
        "route.request.header.Authorization",
        "route.request.header.x-api-key",
        "route.request.querystring.token",
        "stageVariables.tenant",
        "context.connectionId",
        "context.identity.sourceIp",
    ],
)
def test_sources_of_all_kinds_are_right(source: str) -> None:
    assert problem_of(source) is None


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "is ''"),
        ("route.request.header.", "is 'route.request.header.'"),
        ("route.request.body.token", "is 'route.request.body.token'"),
        ("$request.header.Auth", "is '$request.header.Auth', the form of HTTP APIs"),
        ("method.request.header.Auth", "is 'method.request.header.Auth', the form of REST APIs"),
        ("context.messageId", "is 'context.messageId', which a handshake does not have"),
    ],
)
def test_other_sources_are_wrong(source: str, problem: str) -> None:
    assert problem_of(source) == problem


def missing(*sources: str) -> str | None:
    return first_missing(
        sources,
        headers={"authorization": "Bearer x", "empty": ""},
        query={"token": "x", "empty": ""},
        stage_variables={"tenant": "acme"},
        has_user_agent=False,
    )


@pytest.mark.parametrize(
    "source",
    [
        "route.request.header.Authorization",
        "route.request.querystring.token",
        "stageVariables.tenant",
        "context.stage",
    ],
)
def test_a_source_that_is_there_is_not_missing(source: str) -> None:
    assert missing(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "route.request.header.Cookie",
        "route.request.header.Empty",
        "route.request.querystring.Token",
        "route.request.querystring.empty",
        "stageVariables.Tenant",
        "context.identity.userAgent",
    ],
)
def test_a_source_that_is_absent_or_empty_is_missing(source: str) -> None:
    assert missing(source) == source


def test_all_sources_are_required() -> None:
    present = "route.request.header.Authorization"

    assert missing(present, "route.request.querystring.x", "stageVariables.y") == (
        "route.request.querystring.x"
    )


def test_without_sources_nothing_is_missing() -> None:
    assert missing() is None

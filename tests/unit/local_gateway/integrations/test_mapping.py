from __future__ import annotations

import pytest

from local_gateway.integrations.mapping import ParameterMapping, Parameters
from local_gateway.integrations.variables import Event, Payload

EVENT: Event = {
    "headers": {"X-Kind": "b"},
    "multiValueHeaders": {"X-Kind": ["a", "b"]},
    "queryStringParameters": {"token": "2"},
    "multiValueQueryStringParameters": {"token": ["1", "2"]},
    "requestContext": {
        "connectionId": "id=",
        "connectedAt": 1,
        "authorizer": {"principalId": "ann"},
        "identity": {"sourceIp": "192.0.2.1"},
    },
    "stageVariables": {"table": "chat"},
}
BODY = '{"room":"lobby","at":{"x":[1,2]},"on":true,"none":null}'


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("route.request.header.X-Kind", ["b"]),
        ("route.request.header.x-kind", ["b"]),
        ("route.request.multivalueheader.X-Kind", ["a", "b"]),
        ("route.request.querystring.token", ["2"]),
        ("route.request.querystring.Token", []),
        ("route.request.multivaluequerystring.token", ["1", "2"]),
        ("route.request.body.room", ["lobby"]),
        ("route.request.body.at.x[1]", ["2"]),
        ("route.request.body.at", ['{"x":[1,2]}']),
        ("route.request.body.on", ["true"]),
        ("route.request.body.none", []),
        ("route.request.body.absent", []),
        ("route.request.body", [BODY]),
        ("context.connectionId", ["id="]),
        ("context.connectedAt", ["1"]),
        ("context.authorizer.principalId", ["ann"]),
        ("context.absent", []),
        ("stageVariables.table", ["chat"]),
        ("stageVariables.absent", []),
        ("'a constant'", ["a constant"]),
        ("''", [""]),
    ],
)
def test_expression_gives_these_values(expression: str, values: list[str]) -> None:
    mapping = ParameterMapping({"integration.request.header.x": expression})

    found = mapping.apply(EVENT, Payload(BODY))

    assert found == Parameters([("x", value) for value in values], [], {})


def test_values_go_where_the_target_says() -> None:
    mapping = ParameterMapping(
        {
            "integration.request.header.H": "'h'",
            "integration.request.querystring.q": "route.request.multivaluequerystring.token",
            "integration.request.path.p": "route.request.multivaluequerystring.token",
        }
    )

    found = mapping.apply(EVENT, Payload(""))

    assert found == Parameters([("H", "h")], [("q", "1"), ("q", "2")], {"p": "1"})


def test_body_that_is_not_json_has_no_parts() -> None:
    mapping = ParameterMapping({"integration.request.header.x": "route.request.body.room"})

    assert mapping.apply(EVENT, Payload("text")).headers == []


@pytest.mark.parametrize(
    ("target", "expression"),
    [
        ("integration.request.cookie.x", "'a'"),
        ("integration.request.header.", "'a'"),
        ("integration.request.header.x", "a"),
        ("integration.request.header.x", "'"),
        ("integration.request.header.x", "route.request.path.x"),
        ("integration.request.header.x", "route.request.bodyx"),
        ("integration.request.header.x", "route.request.body.a[*]"),
        ("integration.request.header.x", "context."),
        ("integration.request.header.x", "$context.connectionId"),
    ],
)
def test_what_is_not_understood_is_refused(target: str, expression: str) -> None:
    with pytest.raises(ValueError, match=r"is no|has a path"):
        ParameterMapping({target: expression})

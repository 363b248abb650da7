from __future__ import annotations

from typing import Any

import pytest

from local_gateway.integrations.variables import Event, Payload, variables
from local_gateway.velocity.template import Template
from local_gateway.velocity.values import VelocityError

MESSAGE: Event = {
    "requestContext": {
        "routeKey": "join",
        "authorizer": {"principalId": "ann", "level": "3"},
        "connectionId": "PJqB0fHsqRcCHlw=",
        "identity": {"sourceIp": "192.0.2.1"},
        "requestTimeEpoch": 1705751700453,
    },
    "stageVariables": {"table": "chat"},
}
CONNECT: Event = {
    **MESSAGE,
    "headers": {"Host": "h", "X-Kind": "header", "both": "from the header"},
    "queryStringParameters": {"token": "t", "both": "from the query"},
}
BODY = '{"a":{"b":[1,{"c d":"x"}],"n":null},"text":"it\'s <é>/\\"\\n","f":1.5,"t":true}'


def render(template: str, *, event: Event = MESSAGE, body: str = BODY) -> str:
    return Template(template).render(variables(event, Payload(body)))


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("$context.connectionId", "PJqB0fHsqRcCHlw="),
        ("$context.authorizer.principalId $context.authorizer.level", "ann 3"),
        ("$context.identity.sourceIp $context.requestTimeEpoch", "192.0.2.1 1705751700453"),
        ("$context.messageId|$!context.messageId", "$context.messageId|"),
        ("$stageVariables.table $stageVariables['table'] ${stageVariables['table']}", "chat " * 3),
        ("$input.body", BODY),
        ("$input.json('$.a')", '{"b":[1,{"c d":"x"}],"n":null}'),
        ("$input.json('$.a.b[1][\"c d\"]')", '"x"'),
        ("$input.json('$.f') $input.json('$.t')", "1.5 true"),
        ("$input.json('$.absent')", '""'),
        ("$input.path('$.a.b')", "[1, {c d=x}]"),
        ("$input.path('$.a').b.size() $input.path('$.a.b[0]')", "2 1"),
        ("[$input.path('$.absent')]#if($input.path('$.absent'))never#end", "[]"),
        ("#foreach($b in $input.path('$.a.b'))$foreach.index#end", "01"),
        ("$input.params()", "{path={}, querystring={}, header={}}"),
        ("[$input.params('token')]", "[]"),
        ("$util.escapeJavaScript($input.path('$.text'))", "it\\'s <\\u00E9>\\/\\\"\\n"),
        ("$util.parseJson('{\"k\": [7]}').k[0]", "7"),
        ("$util.urlEncode('a b&c/é~*')", "a+b%26c%2F%C3%A9%7E*"),
        ("$util.urlDecode('a+b%26%C3%A9')", "a b&é"),
        ("$util.base64Encode('é') $util.base64Decode('w6k=')", "w6k= é"),
        ("$util.base64Encode($input.path('$.a.b[0]'))", "MQ=="),
        ("$util.absent('x') $input.absent", "$util.absent('x') $input.absent"),
    ],
)
def test_variable_of_a_message(template: str, output: str) -> None:
    assert render(template) == output.strip()


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("$input.params('token')", "t"),
        ("$input.params('X-Kind')", "header"),
        ("$input.params('both')", "from the query"),
        ("$input.params().querystring.token $input.params().get('header').Host", "t h"),
        ("$input.json('$')$input.body", "{}"),
    ],
)
def test_variable_of_a_handshake(template: str, output: str) -> None:
    assert render(template, event=CONNECT, body="") == output


@pytest.mark.parametrize(
    ("template", "body", "problem"),
    [
        ("$input.json('$')", "text", "the payload isn't JSON: "),
        (
            "#set($p = '$.a[*]')$input.path($p)",
            "{}",
            "$input is asked for '$.a[*]', which has a path that ",
        ),
        ("$input.path(1)", "{}", "$input is asked for a path that is no text"),
        ("$input.json('$')", "[" * 300 + "]" * 300, "the payload can't be written as JSON: "),
        ("$util.parseJson('{')", "", "$util.parseJson gets what isn't JSON: "),
        ("$util.base64Decode('!')", "", "$util.base64Decode gets what isn't base64: "),
    ],
)
def test_variable_that_cannot_be_says_why(template: str, body: str, problem: str) -> None:
    with pytest.raises(VelocityError) as failed:
        render(template, body=body)

    assert str(failed.value).startswith(problem)


@pytest.mark.parametrize(
    "body",
    [
        '"$context.connectionId"',
        '{"x":"#set($a = 1)$a#evaluate(\'b\')","__class__":"#include(\'/etc/passwd\')"}',
    ],
)
def test_what_a_client_sends_is_never_evaluated(body: str) -> None:
    expected: Any = body

    assert render("$input.body$input.json('$')", body=body) == expected + expected

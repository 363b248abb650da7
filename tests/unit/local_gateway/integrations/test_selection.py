from __future__ import annotations

import pytest

from local_gateway.integrations.backend import BackendResponse
from local_gateway.integrations.selection import Selection
from local_gateway.integrations.variables import Payload

BODY = Payload('{"kind":"text","n":5,"deep":[{"x":"y"}]}')
RESPONSE = BackendResponse(404, headers={"x-kind": ["a", "b"]})


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        (None, "$default"),
        ("", "$default"),
        ("$default", "$default"),
        ("\\$default", "$default"),
        ("200", "200"),
        ("${request.body.kind}", "text"),
        ("$request.body.kind", "text"),
        ("${request.body.kind}-${request.body.n}", "text-5"),
        ("${request.body.deep[0].x}", "y"),
        ("${request.body.absent}", ""),
    ],
)
def test_template_of_a_request_is_selected_by_its_body(expression: str | None, key: str) -> None:
    assert Selection(expression).select(BODY) == key


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("${integration.response.statuscode}", "404"),
        ("$integration.response.statuscode", "404"),
        ("${integration.response.header.X-Kind}", "b"),
        ("${integration.response.multivalueheader.X-Kind}", "[a, b]"),
        ("${integration.response.header.absent}", ""),
        ("${request.body.kind}/${integration.response.statuscode}", "text/404"),
    ],
)
def test_template_of_a_response_is_selected_by_the_answer_too(expression: str, key: str) -> None:
    assert Selection(expression, of_response=True).select(BODY, RESPONSE) == key


def test_message_that_is_not_json_selects_nothing() -> None:
    assert Selection("a${request.body.kind}").select(Payload("text")) == "a"


@pytest.mark.parametrize(
    "expression",
    [
        "${integration.response.statuscode}",
        "${request.header.x}",
        "${request.body.kind",
        "${request.body.a[*]}",
        "$",
    ],
)
def test_expression_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"asks for something else|has a path"):
        Selection(expression)

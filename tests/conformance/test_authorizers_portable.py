"""REQUEST authorizers, against a deployed stage too: AUTH."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.conformance.target import Event, Stage, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.gateway import Response

    StageOf = Callable[[str], Stage]

TOKEN = "?token=any"


@pytest.fixture
def guarded(stage_of: StageOf) -> Stage:
    """Return the stage whose `$connect` has an authorizer."""
    return stage_of("guarded")


async def refused(stage: Stage, **told: Any) -> Response:  # noqa: ANN401 — what the authorizer is told
    """Return the answer to a handshake that the authorizer, as it is told, refuses."""
    return await stage.refused({"authorize": told}, TOKEN)


async def events_of_a_refusal(stage: Stage, query: str, **told: Any) -> list[Event]:  # noqa: ANN401
    """Return what a refused handshake invokes; the events of one that is let in come behind it."""
    async with stage.observing(TOKEN) as observer:
        await stage.refused({"observer": observer.connection_id, "authorize": told}, query)
        async with stage.connect("?token=last", told={"observer": observer.connection_id}):
            events = [await observer.event()]
            while events[-1]["queryStringParameters"] != {"token": "last"}:
                events.append(await observer.event())
            return events[:-1]


async def life(stage: Stage, query: str = TOKEN, **told: Any) -> list[Event]:  # noqa: ANN401
    """Return the four events of a client: of the authorizer, of connecting, asking and leaving."""
    async with stage.observing(TOKEN) as observer:
        about = {"observer": observer.connection_id, "authorize": told}
        async with stage.connect(query, told=about) as client:
            before = [await observer.event(), await observer.event()]
            message = await ask(client)
            await observer.event()
        return [*before, message, await observer.event()]


@pytest.mark.clause("AUTH-1")
async def test_messages_and_the_end_ask_nobody(guarded: Stage) -> None:
    authorized, *events = await life(guarded)

    assert authorized["type"] == "REQUEST"
    assert [event["requestContext"]["eventType"] for event in events] == [
        "CONNECT",
        "MESSAGE",
        "DISCONNECT",
    ]


@pytest.mark.clause("AUTH-3")
async def test_each_handshake_invokes_the_authorizer(guarded: Stage) -> None:
    first, *_ = await life(guarded)
    second, *_ = await life(guarded)

    assert first["requestContext"]["requestId"] != second["requestContext"]["requestId"]


@pytest.mark.clause("AUTH-5")
async def test_the_event_has_what_is_documented_in_this_order(guarded: Stage) -> None:
    authorized, *_ = await life(guarded)

    assert list(authorized) == [
        *("type", "methodArn", "headers", "multiValueHeaders", "queryStringParameters"),
        *("multiValueQueryStringParameters", "stageVariables", "requestContext"),
    ]
    assert authorized["multiValueQueryStringParameters"] == {"token": ["any"]}
    assert {"Connection", "content-length", "Upgrade"} <= set(authorized["headers"])
    assert list(authorized["headers"]) == sorted(authorized["headers"], key=str.lower)


@pytest.mark.clause("AUTH-6")
async def test_the_method_arn_names_the_route_on_the_stage(guarded: Stage) -> None:
    authorized, *_ = await life(guarded)

    context = authorized["requestContext"]
    region = context["domainName"].split(".")[2]
    found = re.fullmatch(r"arn:aws[a-z-]*:execute-api:(.+):\d{12}:(.+)", authorized["methodArn"])
    assert found is not None
    assert found.groups() == (region, f"{context['apiId']}/guarded/$connect")


@pytest.mark.clause("AUTH-7")
async def test_stage_variables_are_an_empty_object_without_any(guarded: Stage) -> None:
    authorized, *_ = await life(guarded)

    assert authorized["stageVariables"] == {}


@pytest.mark.clause("AUTH-8")
@pytest.mark.parametrize("query", ["", "?token=", "?tokens=any"])
async def test_without_an_identity_source_it_is_401_uninvoked(guarded: Stage, query: str) -> None:
    response = await guarded.refused({}, query)

    assert response.status == 401
    assert await events_of_a_refusal(guarded, query) == []


@pytest.mark.clause("AUTH-9")
async def test_exactly_unauthorized_is_401(guarded: Stage) -> None:
    assert (await refused(guarded, **{"raise": "Unauthorized"})).status == 401


@pytest.mark.clause("AUTH-10")
@pytest.mark.parametrize("told", [{"effect": "Deny"}, {"resource": "arn:aws:execute-api:*:*:no"}])
async def test_what_the_policy_does_not_allow_is_403(guarded: Stage, told: dict[str, Any]) -> None:
    response = await refused(guarded, **told)

    assert response.status == 403


@pytest.mark.clause("AUTH-10")
async def test_a_denied_handshake_does_not_invoke_connect(guarded: Stage) -> None:
    (authorized,) = await events_of_a_refusal(guarded, TOKEN, effect="Deny")

    assert authorized["type"] == "REQUEST"


@pytest.mark.clause("AUTH-11")
@pytest.mark.parametrize(
    ("resource", "is_let_in"),
    [
        ("arn:aws:execute-api:*:*:*/guarded/*", True),
        ("arn:aws:execute-api:*:*:*/guard?d/$connect", True),
        ("arn:aws:execute-api:*:*:*/GUARDED/*", False),
        ("arn:aws:execute-api:*:*:*/guarded/*/*", False),
    ],
)
async def test_resources_have_wildcards_and_case(
    guarded: Stage, resource: str, *, is_let_in: bool
) -> None:
    response = None
    try:
        async with guarded.connect(TOKEN, told={"authorize": {"resource": resource}}):
            pass
    except InvalidStatus as refusal:
        response = refusal.response.status_code

    assert response == (None if is_let_in else 403)


@pytest.mark.clause("AUTH-12")
@pytest.mark.parametrize(
    "told",
    [
        {"raise": "unauthorized"},
        {"raise": "Unauthorized!"},
        {"return": None},
        {"return": {"isAuthorized": True}},
        {"return": {"principalId": "alice"}},
    ],
)
async def test_anything_but_a_policy_is_500(guarded: Stage, told: dict[str, Any]) -> None:
    response = await refused(guarded, **told)

    assert response.status == 500


@pytest.mark.clause("AUTH-14")
@pytest.mark.parametrize("value", [{"a": 1}, ["a"]])
async def test_a_context_with_an_object_or_a_list_is_500(guarded: Stage, value: object) -> None:
    response = await refused(guarded, result={"context": {"key": value}})

    assert response.status == 500


@pytest.mark.clause("AUTH-15")
async def test_the_context_may_be_absent(guarded: Stage) -> None:
    _, _, message, _ = await life(guarded)

    assert message["requestContext"]["authorizer"] == {"principalId": "alice"}


@pytest.mark.clause("AUTH-17")
async def test_all_later_events_have_the_context(guarded: Stage) -> None:
    _, connect, message, disconnect = await life(guarded, result={"context": {"tenant": "acme"}})

    before = {"CONNECT": "routeKey", "MESSAGE": "routeKey", "DISCONNECT": "disconnectStatusCode"}
    for event in (connect, message, disconnect):
        context = event["requestContext"]
        own = {name: context["authorizer"][name] for name in ("tenant", "principalId")}
        names = list(context)
        assert own == {"tenant": "acme", "principalId": "alice"}
        assert names[names.index("authorizer") - 1] == before[context["eventType"]]


@pytest.mark.clause("AUTH-18")
async def test_numbers_and_truth_values_become_texts(guarded: Stage) -> None:
    _, _, message, _ = await life(guarded, result={"context": {"age": 5, "admin": True}})

    assert message["requestContext"]["authorizer"] == {
        "age": "5",
        "admin": "true",
        "principalId": "alice",
    }


@pytest.mark.clause("AUTH-19")
async def test_connect_alone_has_the_latency_of_the_authorizer(guarded: Stage) -> None:
    _, connect, message, disconnect = await life(guarded)

    assert list(connect["requestContext"]["authorizer"]) == ["principalId", "integrationLatency"]
    assert isinstance(connect["requestContext"]["authorizer"]["integrationLatency"], int)
    assert "integrationLatency" not in message["requestContext"]["authorizer"]
    assert "integrationLatency" not in disconnect["requestContext"]["authorizer"]


@pytest.mark.clause("AUTH-21")
@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"raise": "Unauthorized"}, "Unauthorized"),
        ({"effect": "Deny"}, "Forbidden"),
        ({"raise": "no"}, "Internal server error"),
    ],
)
async def test_a_refusal_has_a_message(guarded: Stage, told: dict[str, Any], message: str) -> None:
    response = await refused(guarded, **told)

    assert json.loads(response.body) == {"message": message}


@pytest.mark.clause("AUTH-24")
async def test_the_connection_has_one_id_from_the_authorizer_on(guarded: Stage) -> None:
    events = await life(guarded)

    assert len({event["requestContext"]["connectionId"] for event in events}) == 1

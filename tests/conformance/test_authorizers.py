"""REQUEST authorizers: AUTH."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from local_gateway import clock
from tests.fakes.authorizers import METHOD_ARN, authorized_route, result, statement
from tests.fakes.functions import Event, Raw, RecordingFunctions
from tests.fakes.gateway import HOST, Gateway, RawClient, read_response, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    StartGateway = Callable[..., Awaitable[Gateway]]

OTHERS = (route("$disconnect", "disconnect"), route("$default", "default"))


@pytest.fixture
def own_time() -> Iterator[None]:
    """Let a test move the emulated time, and put it back."""
    state = clock.state()
    yield
    clock.follow(state)


async def start(
    start_gateway: StartGateway,
    returned: object,
    *identity_sources: str,
    **options: Any,  # noqa: ANN401 — of Gateway
) -> Gateway:
    """Start a gateway whose authorizer returns something, or raises it."""

    def authorize(event: Event) -> object:
        del event
        if isinstance(returned, Exception):
            raise returned
        return returned

    functions = RecordingFunctions(authorize=authorize)
    return await start_gateway(
        authorized_route(*identity_sources), *OTHERS, functions=functions, **options
    )


async def refusal(gateway: Gateway, query: str = "", **options: Any) -> tuple[int, bytes]:  # noqa: ANN401
    with pytest.raises(InvalidStatus) as raised:
        await gateway.connect(query, **options)
    response = raised.value.response
    return response.status_code, bytes(response.body or b"")


async def life(gateway: Gateway, query: str = "") -> tuple[Event, Event, Event]:
    """Return the three events of a client that connects, says something and leaves."""
    async with gateway.connect(query) as client:
        await client.send("hello")
        connect = await gateway.functions.next_event("connect")
        message = await gateway.functions.next_event("default")
    return connect, message, await gateway.functions.next_event("disconnect")


@pytest.mark.clause("AUTH-1")
async def test_messages_and_the_end_ask_nobody(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result())

    await life(gateway)

    assert len(gateway.functions.events("authorize")) == 1


@pytest.mark.clause("AUTH-3")
async def test_each_handshake_invokes_the_authorizer(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result(), "route.request.querystring.token")

    for _ in range(2):
        async with gateway.connect("?token=same"):
            pass

    assert len(gateway.functions.events("authorize")) == 2


@pytest.mark.clause("AUTH-5")
async def test_the_event_is_the_documented_one(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result(), variables={"tenant": "acme"})
    client = await RawClient.begin(
        gateway,
        path="/dev?QueryString1=queryValue1",
        headers=(
            "HeaderAuth1: headerValue1\r\n"
            "X-Amzn-Trace-Id: Root=1-625d9ad1-37a5d33a61dd9be33ae3a247\r\n"
        ),
    )

    event = await gateway.functions.next_event("authorize")
    await client.close()

    context = event["requestContext"]
    headers = {
        "Connection": "upgrade",
        "content-length": "0",
        "HeaderAuth1": "headerValue1",
        "Host": HOST,
        "Sec-WebSocket-Key": "BvlrrFKoKAPDYOlwBcGKWw==",
        "Sec-WebSocket-Version": "13",
        "Upgrade": "websocket",
        "X-Amzn-Trace-Id": "Root=1-625d9ad1-37a5d33a61dd9be33ae3a247",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    assert gateway.functions.payloads["authorize"][0] == orjson.dumps(
        {
            "type": "REQUEST",
            "methodArn": METHOD_ARN,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {"QueryString1": "queryValue1"},
            "multiValueQueryStringParameters": {"QueryString1": ["queryValue1"]},
            "stageVariables": {"tenant": "acme"},
            "requestContext": {
                "routeKey": "$connect",
                "eventType": "CONNECT",
                "extendedRequestId": context["requestId"],
                "requestTime": context["requestTime"],
                "messageDirection": "IN",
                "stage": "dev",
                "connectedAt": context["connectedAt"],
                "requestTimeEpoch": context["requestTimeEpoch"],
                "identity": {"sourceIp": "127.0.0.1"},
                "requestId": context["requestId"],
                "domainName": HOST,
                "connectionId": context["connectionId"],
                "apiId": "lg10ltpf4f",
            },
        }
    )


@pytest.mark.clause("AUTH-6")
async def test_the_method_arn_is_that_of_the_route_on_the_stage(
    start_gateway: StartGateway,
) -> None:
    gateway = await start(start_gateway, result())

    async with gateway.connect():
        event = await gateway.functions.next_event("authorize")

    assert event["methodArn"] == METHOD_ARN


@pytest.mark.clause("AUTH-7")
async def test_what_there_is_none_of_is_an_empty_object(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result())

    async with gateway.connect():
        event = await gateway.functions.next_event("authorize")

    assert event["stageVariables"] == {}
    assert event["queryStringParameters"] == {}
    assert event["multiValueQueryStringParameters"] == {}


@pytest.mark.clause("AUTH-8")
@pytest.mark.parametrize(
    ("sources", "query"),
    [
        (["route.request.querystring.token"], ""),
        (["route.request.querystring.token"], "?token="),
        (["route.request.header.Authorization"], ""),
        (["stageVariables.secret"], ""),
        (["route.request.querystring.token", "route.request.header.Authorization"], "?token=x"),
    ],
)
async def test_without_an_identity_source_it_is_401_uninvoked(
    start_gateway: StartGateway, sources: list[str], query: str
) -> None:
    gateway = await start(start_gateway, result(), *sources)

    status, _ = await refusal(gateway, query)

    assert status == 401
    assert gateway.functions.events("authorize") == []
    assert gateway.functions.events("connect") == []
    assert any("is missing" in line for line in gateway.lines)


@pytest.mark.clause("AUTH-8")
async def test_with_all_identity_sources_the_authorizer_is_asked(
    start_gateway: StartGateway,
) -> None:
    sources = (
        "route.request.querystring.token",
        "route.request.header.Authorization",
        "stageVariables.tenant",
        "context.identity.sourceIp",
    )
    gateway = await start(start_gateway, result(), *sources, variables={"tenant": "acme"})
    headers = {"authorization": "Bearer x"}

    async with gateway.connect("?token=x", additional_headers=headers) as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("AUTH-9")
async def test_exactly_unauthorized_is_401(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, ValueError("Unauthorized"))

    status, _ = await refusal(gateway)

    assert status == 401
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("AUTH-10")
@pytest.mark.parametrize(
    "statements",
    [
        [statement("Deny")],
        [statement(resource=METHOD_ARN.replace("/dev/", "/prod/"))],
        [statement(resource=METHOD_ARN.replace("$connect", "$default"))],
        [statement(Action="execute-api:ManageConnections")],
    ],
)
async def test_what_the_policy_does_not_allow_is_403(
    start_gateway: StartGateway, statements: list[dict[str, object]]
) -> None:
    gateway = await start(start_gateway, result(*statements))

    status, _ = await refusal(gateway)

    assert status == 403
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("AUTH-10")
async def test_a_policy_of_another_stage_is_explained(start_gateway: StartGateway) -> None:
    gateway = await start(
        start_gateway, result(statement(resource=METHOD_ARN.replace("/dev/", "/prod/")))
    )

    await refusal(gateway)

    (line,) = gateway.lines
    assert line.startswith("AUTH-10 stage dev: the policy does not allow execute-api:Invoke on ")
    assert "it is for arn:aws:execute-api:us-east-2:123456789012:lg10ltpf4f/prod/$connect" in line


@pytest.mark.clause("AUTH-11")
@pytest.mark.parametrize(
    "statements",
    [
        [statement(resource="*")],
        [statement(resource=[METHOD_ARN.replace("$connect", "*")])],
        [statement(resource=METHOD_ARN.replace("dev", "d?v"))],
        [statement(Action=["execute-api:*"])],
        [statement(Action="EXECUTE-API:invoke")],
        [statement(), statement("Deny", resource=METHOD_ARN.replace("dev", "prod"))],
    ],
)
async def test_a_policy_that_matches_lets_in(
    start_gateway: StartGateway, statements: list[dict[str, object]]
) -> None:
    gateway = await start(start_gateway, result(*statements))

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("AUTH-11")
@pytest.mark.parametrize(
    "statements",
    [
        [statement(), statement("Deny", resource="*")],
        [statement(resource=METHOD_ARN.replace("$connect", "*/*"))],
        [statement(resource=METHOD_ARN.replace("dev", "DEV"))],
        [{"Effect": "Allow", "Action": "*", "NotResource": "*"}],
        [{"Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*"}],
    ],
)
async def test_a_policy_that_does_not_match_refuses(
    start_gateway: StartGateway, statements: list[dict[str, object]]
) -> None:
    gateway = await start(start_gateway, result(*statements))

    status, _ = await refusal(gateway)

    assert status == 403


@pytest.mark.clause("AUTH-12")
@pytest.mark.parametrize(
    "returned",
    [
        ValueError("unauthorized"),
        ValueError("Unauthorized!"),
        ValueError("[401] Unauthorized"),
        None,
        {},
        "Allow",
        {"isAuthorized": True},
        {"statusCode": 401},
        {"principalId": "alice"},
        {"policyDocument": result()["policyDocument"]},
        {"principalId": "alice", "policyDocument": {"Statement": [{"Effect": "Allow"}]}},
        Raw(b"?"),
    ],
)
async def test_anything_but_a_policy_is_500(start_gateway: StartGateway, returned: object) -> None:
    gateway = await start(start_gateway, returned)

    status, _ = await refusal(gateway)

    assert status == 500
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("AUTH-13")
@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, 101),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, 403),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, 101),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, 500),
        ({"ArnLike": {"aws:SourceIp": "*"}}, 500),
    ],
)
async def test_conditions_on_who_asks_and_when(
    start_gateway: StartGateway, condition: dict[str, object], status: int
) -> None:
    gateway = await start(start_gateway, result(statement(Condition=condition)))
    client = await RawClient.begin(gateway)

    response = await read_response(client.reader)
    await client.close()

    assert response.status == status


@pytest.mark.clause("AUTH-14")
@pytest.mark.parametrize("value", [{"sub": "alice"}, ["admin"]])
async def test_a_context_with_an_object_or_a_list_is_500(
    start_gateway: StartGateway, value: object
) -> None:
    gateway = await start(start_gateway, result(context={"claims": value}))

    status, _ = await refusal(gateway)

    assert status == 500
    assert any("context.claims is " in line for line in gateway.lines)


@pytest.mark.clause("AUTH-15")
async def test_without_a_context_events_have_the_principal(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result())

    _, message, _ = await life(gateway)

    assert message["requestContext"]["authorizer"] == {"principalId": "alice"}


@pytest.mark.clause("AUTH-16")
async def test_more_than_8_kilobytes_are_500(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result(context={"filler": "x" * 8_192}))

    status, _ = await refusal(gateway)

    assert status == 500


@pytest.mark.clause("AUTH-17")
async def test_the_context_is_in_all_events_at_its_place(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result(context={"tenant": "acme", "name": "Zoë"}))

    events = await life(gateway)

    contexts = [event["requestContext"] for event in events]
    assert [list(context)[:3] for context in contexts] == [
        ["routeKey", "authorizer", "eventType"],
        ["routeKey", "authorizer", "messageId"],
        ["routeKey", "disconnectStatusCode", "authorizer"],
    ]
    assert [list(context["authorizer"].items())[:3] for context in contexts] == [
        [("tenant", "acme"), ("name", "Zoë"), ("principalId", "alice")]
    ] * 3


@pytest.mark.clause("AUTH-18")
async def test_numbers_and_truth_values_are_texts(start_gateway: StartGateway) -> None:
    context = {"n": 5, "x": 1.5, "yes": True, "no": False, "text": "5"}
    gateway = await start(start_gateway, result(context=context))

    _, message, _ = await life(gateway)

    assert message["requestContext"]["authorizer"] == {
        "n": "5",
        "x": "1.5",
        "yes": "true",
        "no": "false",
        "text": "5",
        "principalId": "alice",
    }
    assert any("n, x, yes, no" in line for line in gateway.lines)


@pytest.mark.clause("AUTH-18")
async def test_numbers_and_truth_values_may_stay(start_gateway: StartGateway) -> None:
    gateway = await start(
        start_gateway, result(context={"n": 5, "yes": True}), access={"keeps_context_types": True}
    )

    _, message, _ = await life(gateway)

    assert message["requestContext"]["authorizer"] == {
        "n": 5,
        "yes": True,
        "principalId": "alice",
    }


@pytest.mark.clause("AUTH-19")
async def test_the_latency_is_a_number_of_connect_alone(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result(context={"tenant": "acme"}))

    connect, message, disconnect = (
        event["requestContext"]["authorizer"] for event in await life(gateway)
    )

    assert list(connect) == ["tenant", "principalId", "integrationLatency"]
    assert isinstance(connect["integrationLatency"], int)
    assert list(message) == list(disconnect) == ["tenant", "principalId"]


@pytest.mark.clause("AUTH-20")
async def test_nulls_are_left_out_and_what_the_service_writes_wins(
    start_gateway: StartGateway,
) -> None:
    context = {"none": None, "principalId": "mallory", "integrationLatency": "7"}
    gateway = await start(start_gateway, result(context=context))

    _, message, _ = await life(gateway)

    assert message["requestContext"]["authorizer"] == {"principalId": "alice"}


@pytest.mark.clause("AUTH-21")
@pytest.mark.parametrize(
    ("returned", "status", "text"),
    [
        (ValueError("Unauthorized"), 401, "Unauthorized"),
        (result(statement("Deny")), 403, "Forbidden"),
        (None, 500, "Internal server error"),
    ],
)
async def test_a_refusal_says_what_others_do(
    start_gateway: StartGateway, returned: object, status: int, text: str
) -> None:
    gateway = await start(start_gateway, returned)

    assert await refusal(gateway) == (status, orjson.dumps({"message": text}))


@pytest.mark.clause("AUTH-22")
async def test_an_authorizer_that_is_not_invoked_is_500(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(authorized_route())

    status, _ = await refusal(gateway)

    assert status == 500


@pytest.mark.clause("AUTH-22")
@pytest.mark.usefixtures("own_time")
async def test_an_authorizer_that_takes_too_long_is_500(start_gateway: StartGateway) -> None:
    never = asyncio.Event()

    async def authorize(_: Event) -> object:
        await never.wait()
        return result()

    functions = RecordingFunctions(authorize=authorize)
    gateway = await start_gateway(authorized_route(), functions=functions)
    client = await RawClient.begin(gateway)
    await functions.next_event("authorize")

    await clock.advance(29.0)
    response = await read_response(client.reader)
    never.set()
    await client.close()

    assert response.status == 500


@pytest.mark.clause("AUTH-23")
async def test_each_stage_may_have_its_own_authorizer(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(
        authorize=lambda _: result(statement("Deny")), lenient=lambda _: result()
    )
    gateway = await start_gateway(
        authorized_route(functions={"dev": "lenient"}), functions=functions
    )

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101

    assert functions.events("authorize") == []


@pytest.mark.clause("AUTH-24")
async def test_the_connection_id_is_the_same_in_all_events(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, result())

    events = (*await life(gateway), *gateway.functions.events("authorize"))

    assert len({event["requestContext"]["connectionId"] for event in events}) == 1

"""Signed requests to the management API: SIGNATURE."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.credentials import Credentials

from tests.fakes.authorizers import METHOD_ARN, NOTIFY, declare_notify, sign, statement

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from websockets.asyncio.client import ClientConnection

    from tests.fakes.gateway import Gateway, Response

    StartGateway = Callable[..., Awaitable[Gateway]]

ORIGIN = "https://gateway"


@asynccontextmanager
async def connected(
    start_gateway: StartGateway, *, is_strict: bool = True, is_direct: bool = True
) -> AsyncGenerator[tuple[Gateway, ClientConnection, str]]:
    """Yield a gateway, a client of it and the path of its connection."""
    gateway = await start_gateway(access={"is_strict": is_strict}, is_direct=is_direct)
    client, connection_id = await gateway.connected()
    async with client:
        yield gateway, client, f"/dev/@connections/{connection_id}"


def error_of(response: Response) -> tuple[int, str, str]:
    return (
        response.status,
        response.headers["x-amzn-errortype"],
        orjson.loads(response.body)["message"],
    )


@pytest.mark.clause("SIGNATURE-1")
@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_signed_post_arrives(start_gateway: StartGateway, *, is_direct: bool) -> None:
    async with connected(start_gateway, is_direct=is_direct) as (gateway, client, path):
        headers = sign("POST", ORIGIN + path, b"hello", headers={"X-Mine": "1"})

        response = await gateway.request("POST", path, b"hello", headers=headers)

        assert response.status == 200
        assert await client.recv() == "hello"


@pytest.mark.clause("SIGNATURE-1")
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("DELETE", 204)])
async def test_other_signed_requests_are_answered(
    start_gateway: StartGateway, method: str, status: int
) -> None:
    async with connected(start_gateway) as (gateway, _, path):
        response = await gateway.request(method, path, headers=sign(method, ORIGIN + path))

    assert response.status == status


@pytest.mark.clause("SIGNATURE-1")
async def test_unsigned_requests_are_let_pass_unless_it_is_strict(
    start_gateway: StartGateway,
) -> None:
    async with connected(start_gateway, is_strict=False) as (gateway, client, path):
        for _ in range(2):
            response = await gateway.request("POST", path, b"hello")
            assert response.status == 200
            assert await client.recv() == "hello"

    (line,) = gateway.lines
    assert line.startswith("SIGNATURE-2 @connections of the stage dev: ")


@pytest.mark.clause("SIGNATURE-2")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("is_direct", [True, False])
async def test_an_unsigned_request_is_refused(
    start_gateway: StartGateway, method: str, *, is_direct: bool
) -> None:
    async with connected(start_gateway, is_direct=is_direct) as (gateway, _, path):
        response = await gateway.request(method, path, b"hello" if method == "POST" else b"")

    assert error_of(response) == (
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )
    assert response.body == b'{"message":"Missing Authentication Token"}'


@pytest.mark.clause("SIGNATURE-3")
@pytest.mark.parametrize("at", ["@connections", "%40connections"])
@pytest.mark.parametrize("pad", ["=", "%3D"])
async def test_the_path_is_signed_as_it_was_sent(
    start_gateway: StartGateway, at: str, pad: str
) -> None:
    async with connected(start_gateway) as (gateway, client, sent):
        path = sent.replace("@connections", at).replace("=", pad)
        headers = sign("POST", ORIGIN + path, b"hello")

        response = await gateway.request("POST", path, b"hello", headers=headers)

        assert response.status == 200
        assert await client.recv() == "hello"


@pytest.mark.clause("SIGNATURE-4")
async def test_another_signature_is_told_what_it_should_have_been(
    start_gateway: StartGateway,
) -> None:
    wrong = Credentials("local", "another", "local")
    async with connected(start_gateway) as (gateway, _, path):
        headers = sign("POST", ORIGIN + path, b"hello", credentials=wrong)

        response = await gateway.request("POST", path, b"hello", headers=headers)

    status, error_type, message = error_of(response)
    assert (status, error_type) == (403, "InvalidSignatureException")
    encoded = path.replace("@", "%40").replace("=", "%3D")
    assert f"The Canonical String for this request should have been\n'POST\n{encoded}\n" in message
    assert "\nhost:gateway\n" in message
    assert "\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in message


@pytest.mark.clause("SIGNATURE-5")
@pytest.mark.parametrize("time", ["20200101T000000Z", "20990101T000000Z"])
async def test_a_signature_of_another_time_is_refused(
    start_gateway: StartGateway, time: str
) -> None:
    scope = f"Credential=local/{time[:8]}/us-east-2/execute-api/aws4_request"
    headers = {
        "X-Amz-Date": time,
        "X-Amz-Security-Token": "local",
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
    }
    async with connected(start_gateway) as (gateway, _, path):
        response = await gateway.request("GET", path, headers=headers)

    status, error_type, message = error_of(response)
    assert (status, error_type) == (403, "InvalidSignatureException")
    assert "5 min.)" in message


@pytest.mark.clause("SIGNATURE-6")
@pytest.mark.parametrize(
    "credentials", [Credentials("AKIDOTHER", "local"), Credentials("local", "local", "another")]
)
async def test_an_unknown_key_or_token_is_refused(
    start_gateway: StartGateway, credentials: Credentials
) -> None:
    async with connected(start_gateway) as (gateway, _, path):
        headers = sign("GET", ORIGIN + path, credentials=credentials)

        response = await gateway.request("GET", path, headers=headers)

    assert error_of(response) == (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


@pytest.mark.clause("SIGNATURE-7")
async def test_a_header_that_lacks_a_part_is_refused(start_gateway: StartGateway) -> None:
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=local", "X-Amz-Date": "x"}
    async with connected(start_gateway) as (gateway, _, path):
        response = await gateway.request("GET", path, headers=headers)

    assert error_of(response) == (
        403,
        "IncompleteSignatureException",
        (
            "Authorization header requires 'Signature' parameter. Authorization header requires "
            "'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"
        ),
    )


@pytest.mark.clause("SIGNATURE-8")
@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        ({"service": "apigateway"}, "scoped to correct service: 'execute-api'"),
        ({"region": "eu-west-1"}, "scoped to a valid region, not 'eu-west-1'"),
    ],
)
async def test_a_signature_for_something_else_is_refused(
    start_gateway: StartGateway, scope: dict[str, Any], problem: str
) -> None:
    async with connected(start_gateway) as (gateway, _, path):
        headers = sign("GET", ORIGIN + path, **scope)

        response = await gateway.request("GET", path, headers=headers)

    status, error_type, message = error_of(response)
    assert (status, error_type) == (403, "InvalidSignatureException")
    assert problem in message


@pytest.mark.clause("SIGNATURE-9")
@pytest.mark.parametrize("is_direct", [True, False])
@pytest.mark.parametrize(
    "changed", [{"body": b"hullo"}, {"host": {"Host": "other"}}, {"mine": {"X-Mine": "2"}}]
)
async def test_what_was_signed_cannot_be_changed(
    start_gateway: StartGateway, changed: Mapping[str, Any], *, is_direct: bool
) -> None:
    async with connected(start_gateway, is_direct=is_direct) as (gateway, _, path):
        headers = sign("POST", ORIGIN + path, b"hello", headers={"X-Mine": "1"})
        headers |= changed.get("host", {}) | changed.get("mine", {})

        response = await gateway.request(
            "POST", path, changed.get("body", b"hello"), headers=headers
        )

    status, error_type, _ = error_of(response)
    assert (status, error_type) == (403, "InvalidSignatureException")


MANAGE = "execute-api:ManageConnections"
CONNECTIONS = METHOD_ARN.replace("$connect", "{}/@connections/*")


def allowing(resource: str, action: str = MANAGE) -> dict[str, object]:
    return {"Statement": [statement(resource=resource, Action=action)]}


@asynccontextmanager
async def notified(
    start_gateway: StartGateway,
    policies: Sequence[Mapping[str, object]],
    *,
    is_strict: bool = True,
    is_known: bool = True,
) -> AsyncGenerator[tuple[Gateway, Response]]:
    """Yield a gateway, and what it answers to a post of the function `Notify`."""
    gateway = await start_gateway(
        access={"is_strict": is_strict}, declared=declare_notify(*policies, is_known=is_known)
    )
    client, connection_id = await gateway.connected()
    path = f"/dev/@connections/{connection_id}"
    async with client:
        headers = sign("POST", ORIGIN + path, b"hello", credentials=NOTIFY)
        yield gateway, await gateway.request("POST", path, b"hello", headers=headers)


@pytest.mark.clause("SIGNATURE-10")
@pytest.mark.parametrize(
    "policies",
    [
        [allowing("*")],
        [allowing(CONNECTIONS.format("POST"))],
        [allowing(METHOD_ARN.replace("/dev/$connect", "/*"))],
        [allowing("*", "s3:*"), allowing(CONNECTIONS.format("*"), "execute-api:*")],
    ],
)
async def test_a_function_whose_role_allows_it_may_post(
    start_gateway: StartGateway, policies: list[dict[str, object]]
) -> None:
    async with notified(start_gateway, policies) as (_, response):
        assert response.status == 200


@pytest.mark.clause("SIGNATURE-10")
@pytest.mark.parametrize(
    "policies",
    [
        [],
        [allowing("*", "s3:*")],
        [allowing("*", "execute-api:Invoke")],
        [allowing(CONNECTIONS.format("GET"))],
        [allowing(CONNECTIONS.format("POST").removesuffix("/*"))],
        [allowing("*"), {"Statement": statement("Deny", resource="*", Action="*")}],
    ],
)
async def test_a_function_whose_role_does_not_is_refused(
    start_gateway: StartGateway, policies: list[dict[str, object]]
) -> None:
    async with notified(start_gateway, policies) as (_, response):
        assert response.status == 403
        assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
        assert orjson.loads(response.body) == {
            "Message": (
                "User: arn:aws:sts::123456789012:assumed-role/notify-role/notify is not authorized "
                f"to perform: {MANAGE} on resource: arn:aws:execute-api:us-east-2:********9012:"
                "lg10ltpf4f/dev/POST/@connections/{connectionId}"
            )
        }


@pytest.mark.clause("SIGNATURE-10")
async def test_a_function_whose_role_is_not_known_may_post(start_gateway: StartGateway) -> None:
    async with notified(start_gateway, [], is_known=False) as (_, response):
        assert response.status == 200


@pytest.mark.clause("SIGNATURE-10")
async def test_it_is_let_pass_unless_it_is_strict(start_gateway: StartGateway) -> None:
    async with notified(start_gateway, [], is_strict=False) as (gateway, response):
        assert response.status == 200
        assert gateway.lines[-1].startswith(
            f"SIGNATURE-10 function Notify: its role does not allow {MANAGE} on "
        )

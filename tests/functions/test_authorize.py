"""The authorizer through its entry point, and the attacks on it: each row is one."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import authorize
import connect
import message
from cloudpush.settings import AuthMode
from tests.fakes.auth import CLOSED, OTHER_SECRET, SECRET, a_token, claims_of
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    authorizer_event,
    connect_event,
    message_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

NOON = NOON_MS // 1000
DAY = 24 * 60 * 60
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect"


@pytest.fixture(autouse=True)
def closed(environment: Environment) -> Environment:
    environment.use(CLOSED, AuthMode.JWT)
    return environment


def ask(query: dict[str, str], subprotocols: str | None = None) -> dict[str, Any]:
    event = authorizer_event(query, method_arn=METHOD_ARN, subprotocols=subprotocols)
    return authorize.handler(event, FakeLambdaContext())


def encoded(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unsigned(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims_of())}."


def confused() -> str:
    """Return a token that is signed with a public key as if that were a secret."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return a_token(secret=pem.decode().replace("-----", "----"))


def altered(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(claims_of(push='*'))}.{signature}"


BAD = {
    "no token at all": "",
    "no JWT": "hello",
    "signed with another secret": a_token(secret=OTHER_SECRET),
    "altered after signing": altered(a_token()),
    "expired": a_token(iat=NOON - 7200, exp=NOON - 61),
    "not valid yet": a_token(nbf=NOON + 61),
    "issued in the future": a_token(iat=NOON + 61),
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "another algorithm": jwt.encode(claims_of(), SECRET * 2, algorithm="HS512"),
    "for somebody else's service": a_token(aud="other"),
    "for nobody's service": a_token(aud=None),
    "without an end": a_token(exp=None),
    "without a beginning": a_token(iat=None),
    "good for too long": a_token(exp=NOON + 30 * DAY + 1),
    "without a subject": a_token(sub=None),
    "of no client": jwt.encode(claims_of("a b"), SECRET, algorithm="HS256"),
    "an end that is no number": a_token(exp="9999999999"),
    "an end that is no time": a_token(exp=float("inf")),
    "a pattern that is none": a_token(push=["a*b"]),
    "push that is no list": a_token(push={"bob": True}),
    "a public key as the secret": confused(),
    "longer than any token": a_token(name="x" * 4096),
    "a header that is nested without end": f"{encoded('[' * 2500)}.{encoded({})}.AAAA",
    "claims that are nested without end": jwt.api_jws.encode(
        b"[" * 2500, SECRET, algorithm="HS256"
    ),
    "a critical header that nobody knows": jwt.encode(
        claims_of(), SECRET, algorithm="HS256", headers={"crit": ["exp"]}
    ),
    "not ASCII": "ä.ö.ü",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_token_that_we_do_not_trust_is_401(token: str) -> None:
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        ask({"channelId": "alice", "token": token})


@pytest.mark.parametrize(
    ("query", "subprotocols"),
    [
        ({"channelId": "alice", "token": a_token()}, None),
        ({"channelId": "alice"}, f"cloudpush, {a_token()}"),
        ({"channelId": "alice", "token": a_token()}, "cloudpush"),
    ],
    ids=["in the query", "as a subprotocol", "in the query, with a subprotocol"],
)
def test_a_good_token_lets_its_client_in(query: dict[str, str], subprotocols: str | None) -> None:
    answer = ask(query, subprotocols)

    assert answer == {
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": METHOD_ARN}
            ],
        },
        "context": {"push": "", "issuedAt": str(NOON_MS)},
    }


@pytest.mark.parametrize(
    ("query", "subprotocols"),
    [
        ({"channelId": "alice", "token": a_token()}, f"cloudpush, {a_token()}"),
        ({"channelId": "alice"}, f"cloudpush, {a_token()}, {a_token()}"),
        ({"channelId": "alice"}, a_token()),
        ({"channelId": "alice", "ticket": a_token()}, None),
    ],
    ids=["in both places", "twice", "without our subprotocol", "under another name"],
)
def test_a_token_in_another_place_is_401(query: dict[str, str], subprotocols: str | None) -> None:
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        ask(query, subprotocols)


@pytest.mark.parametrize(
    "token", [a_token(exp=NOON - 59, iat=NOON - 100), a_token(nbf=NOON + 59)], ids=["exp", "nbf"]
)
def test_clocks_may_differ_by_a_minute(token: str) -> None:
    assert ask({"channelId": "alice", "token": token})["principalId"] == "alice"


def test_a_stolen_client_id_is_403() -> None:
    answer = ask({"channelId": "bob", "token": a_token("alice")})

    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_whom_a_client_may_push_to_travels_along() -> None:
    answer = ask({"channelId": "alice", "token": a_token(push=["bob", "room-7.*"])})

    assert answer["context"]["push"] == "bob room-7.*"


@pytest.mark.parametrize("place", ["query", "subprotocol"])
def test_no_token_is_in_the_log(lines: Lines, place: str) -> None:
    token = a_token(secret=OTHER_SECRET)
    query = {"channelId": "alice", **({"token": token} if place == "query" else {})}

    with pytest.raises(Exception, match="Unauthorized"):
        ask(query, None if place == "query" else f"cloudpush, {token}")

    assert token not in lines.text
    assert token.split(".")[1] not in lines.text


class TestConnect:
    def test_the_client_gets_our_subprotocol_and_not_its_token(self) -> None:
        event = connect_event({"channelId": "alice"}, authorizer=context_of("alice"))
        offered = f"cloudpush, {a_token()}"
        event["multiValueHeaders"]["sec-websocket-protocol"] = [offered]

        answer = connect.handler(event, FakeLambdaContext())

        assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "cloudpush"}}

    @pytest.mark.parametrize("authorizer", [None, "bob"], ids=["of nobody", "of somebody else"])
    def test_a_handshake_that_no_authorizer_let_in_is_refused(
        self, environment: Environment, authorizer: str | None
    ) -> None:
        context = None if authorizer is None else context_of(authorizer)

        answer = connect.handler(
            connect_event({"channelId": "alice"}, authorizer=context), FakeLambdaContext()
        )

        assert answer == {"statusCode": 403}
        assert environment.find(CONNECTION_ID) is None


class TestMessage:
    @pytest.mark.parametrize(
        ("push", "to", "code"),
        [
            ("bob", "bob", None),
            ("bob carol", ["carol", "bob"], None),
            ("room-7.*", ["room-7.alice", "room-7."], None),
            ("*", ["anybody"], None),
            ("", "bob", "forbidden"),
            ("bob", "bobby", "forbidden"),
            ("bob", ["bob", "carol"], "forbidden"),
            ("room-7.*", "room-70", "forbidden"),
            (None, "bob", "forbidden"),
        ],
    )
    def test_a_client_pushes_as_far_as_its_rights_reach(
        self, environment: Environment, push: str | None, to: str | list[str], code: str | None
    ) -> None:
        environment.connect("alice", CONNECTION_ID)
        context = None if push is None else context_of("alice", push)
        text = json.dumps({"msgType": 1, "to": to, "msg": {}, "messageId": "m-1"})

        answer = message.handler(message_event(text, authorizer=context), FakeLambdaContext())

        envelope = json.loads(answer["body"])
        assert (envelope.get("code"), envelope["messageId"]) == (code, "m-1")

    def test_of_a_push_beyond_its_rights_nobody_gets_anything(
        self, environment: Environment
    ) -> None:
        environment.connect("alice", CONNECTION_ID)
        environment.connect("bob")
        environment.connect("carol")
        text = '{"msgType":1,"to":["bob","carol"],"msg":{}}'

        message.handler(
            message_event(text, authorizer=context_of("alice", "bob")), FakeLambdaContext()
        )

        assert environment.posted_to == []


def context_of(client_id: str, push: str = "") -> dict[str, str]:
    """Return what later events have of the authorizer's answer."""
    return {"principalId": client_id, "push": push}

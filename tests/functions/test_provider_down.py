"""A deployment whose identity provider does not answer: a new key is a fault, and no bad token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

import authorize
import push_api
from cloudpush import wiring
from cloudpush.errors import KeysUnavailable
from cloudpush.jwks import RETRY_MS, JwksKeys
from cloudpush.settings import AuthMode
from cloudpush.tokens import TokenRules
from tests.fakes.auth import CLOSED, bearer
from tests.fakes.key_server import ISSUER, ProviderKey, key_set
from tests.fakes.lambda_events import FakeLambdaContext, authorizer_event, http_event

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

OLD: Final = ProviderKey("old")
NEW: Final = ProviderKey("new")
METHOD_ARN: Final = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect"
RULES: Final = TokenRules(issuer=ISSUER, algorithm="ES256")


class Provider:
    """Serves the old key once; then it is down until it is told what to serve."""

    def __init__(self) -> None:
        self.served: bytes | None = key_set(OLD.public())

    def fetch(self) -> bytes:
        served, self.served = self.served, None
        if served is None:
            raise KeysUnavailable("login.example.com did not answer")
        return served


@pytest.fixture
def provider(environment: Environment) -> Provider:
    """A provider whose old key is known, and which has been down since."""
    provider = Provider()
    environment.use(msgspec.structs.replace(CLOSED, token_rules=RULES), AuthMode.JWT)
    wired = wiring.current()
    wired.signing_keys = JwksKeys(provider.fetch, algorithm="ES256", clock=environment.clock)
    assert status_of_request(OLD.sign(scope="read")) == 200
    environment.clock.advance(ms=RETRY_MS)
    return provider


def connect_with(token: str) -> object:
    event = authorizer_event({"channelId": "alice", "token": token}, method_arn=METHOD_ARN)
    return authorize.handler(event, FakeLambdaContext())


def ask_with(token: str) -> tuple[int, dict[str, object]]:
    event = http_event("GET", "/v1/statistics")
    event["headers"].update(bearer(token))
    answer = push_api.handler(event, FakeLambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def status_of_request(token: str) -> int:
    return ask_with(token)[0]


@pytest.mark.usefixtures("provider")
def test_a_new_keys_handshake_is_a_fault_which_the_gateway_answers_with_500(lines: Lines) -> None:
    with pytest.raises(KeysUnavailable):
        connect_with(NEW.sign())

    assert "HandshakesUnauthorized" not in lines.text


@pytest.mark.usefixtures("provider")
def test_a_new_keys_request_is_503_and_worth_trying_again() -> None:
    status, body = ask_with(NEW.sign(scope="read"))

    assert status == 503
    assert body["error"] == {
        "code": "keys_unavailable",
        "message": "the service failed; try again",
        "temporary": True,
    }


def test_the_new_key_is_good_as_soon_as_the_provider_says_so(
    environment: Environment, provider: Provider
) -> None:
    with pytest.raises(KeysUnavailable):
        connect_with(NEW.sign())
    provider.served = key_set(NEW.public())
    environment.clock.advance(ms=RETRY_MS)

    connect_with(NEW.sign())

    assert status_of_request(NEW.sign(scope="read")) == 200


@pytest.mark.usefixtures("provider")
def test_the_old_key_is_good_all_the_while() -> None:
    statuses = [status_of_request(each.sign(scope="read")) for each in (NEW, OLD, NEW)]

    assert statuses == [503, 200, 503]

"""Public keys of an identity provider, from a real server on loopback."""

from __future__ import annotations

import base64
import functools
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from cloudpush import tokens
from cloudpush.errors import KeysUnavailable, Unauthorized
from cloudpush.fetching import fetch
from cloudpush.jwks import (
    KEEP_MS,
    MAX_BYTES,
    MAX_KEYS,
    RETRY_MS,
    STALE_MS,
    JwksKeys,
    read_key_set,
)
from cloudpush.signing_keys import key_of
from cloudpush.tokens import TokenRules
from tests.fakes.auth import SECRET, a_token, claims_of
from tests.fakes.key_server import (
    ISSUER,
    PUBLIC_ALGORITHMS,
    ProviderKey,
    key_set,
    running_key_server,
)
from tests.fakes.push_service import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt import PyJWK

    from tests.fakes.key_server import KeyServer


@pytest.fixture(scope="module")
def running() -> Iterator[KeyServer]:
    with running_key_server() as server:
        yield server


@pytest.fixture
def server(running: KeyServer) -> KeyServer:
    running.requests = 0
    return running


class Verifier:
    """What verifies tokens of a provider, and the clock that it goes by."""

    def __init__(self, url: str, algorithm: str = "ES256") -> None:
        self.clock = ManualClock()
        self.rules = TokenRules(issuer=ISSUER, algorithm=algorithm)
        self.keys = JwksKeys(
            functools.partial(fetch, url, max_bytes=MAX_BYTES),
            algorithm=algorithm,
            clock=self.clock,
        )

    def name_in(self, token: str) -> str:
        return tokens.verify(token, keys=self.keys, rules=self.rules, now_ms=self.clock()).name


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_token_that_the_provider_signed_is_good(server: KeyServer, algorithm: str) -> None:
    key = ProviderKey(algorithm=algorithm)
    server.serve(key_set(key.public()))

    assert Verifier(server.url, algorithm).name_in(key.sign()) == "alice"


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_another_key_of_the_same_id_is_refused(server: KeyServer, algorithm: str) -> None:
    server.serve(key_set(ProviderKey(algorithm=algorithm).public()))

    with pytest.raises(Unauthorized):
        Verifier(server.url, algorithm).name_in(ProviderKey(algorithm=algorithm).sign())


def test_the_set_is_fetched_once_for_some_minutes(server: KeyServer) -> None:
    key = ProviderKey()
    server.serve(key_set(key.public()))
    verifier = Verifier(server.url)

    for _ in range(3):
        verifier.name_in(key.sign())
    verifier.clock.advance(ms=KEEP_MS - 1)
    verifier.name_in(key.sign())
    before = server.requests
    verifier.clock.advance(ms=1)
    verifier.name_in(key.sign())

    assert (before, server.requests) == (1, 2)


def test_a_new_key_is_known_with_its_first_token(server: KeyServer) -> None:
    old, new = ProviderKey("old"), ProviderKey("new")
    server.serve(key_set(old.public()))
    verifier = Verifier(server.url)
    verifier.name_in(old.sign())
    server.serve(key_set(new.public(), old.public()))
    verifier.clock.advance(ms=RETRY_MS)

    assert verifier.name_in(new.sign()) == "alice"
    assert verifier.name_in(old.sign()) == "alice"
    assert server.requests == 2


def test_a_key_that_was_taken_away_is_not_good_any_more(server: KeyServer) -> None:
    old, new = ProviderKey("old"), ProviderKey("new")
    server.serve(key_set(old.public()))
    verifier = Verifier(server.url)
    verifier.name_in(old.sign())
    server.serve(key_set(new.public()))
    verifier.clock.advance(ms=KEEP_MS)

    with pytest.raises(Unauthorized):
        verifier.name_in(old.sign())


def test_whoever_invents_key_ids_has_nothing_fetched_for_each(server: KeyServer) -> None:
    server.serve(key_set(ProviderKey().public()))
    verifier = Verifier(server.url)

    for number in range(20):
        with pytest.raises(Unauthorized):
            verifier.name_in(ProviderKey(f"invented-{number}").sign())
    at_once = server.requests
    verifier.clock.advance(ms=RETRY_MS)
    with pytest.raises(Unauthorized):
        verifier.name_in(ProviderKey("invented").sign())

    assert (at_once, server.requests) == (1, 2)


WRONG_ANSWERS: dict[str, tuple[int, bytes]] = {
    "an error": (500, b""),
    "a redirect": (302, b""),
    "no JSON": (200, b"<html>"),
    "no set": (200, b"[]"),
    "an empty set": (200, key_set()),
    "a set of secrets": (200, key_set({"kty": "oct", "k": "AAAA", "alg": "ES256", "kid": "k1"})),
    "a set without end": (200, b'{"keys":[' + b"[" * 50_000),
    "more than a set": (200, key_set(ProviderKey().public()) + b" " * MAX_BYTES),
    "too many keys": (200, key_set(*[ProviderKey().public()] * (MAX_KEYS + 1))),
}


@pytest.mark.parametrize(("status", "body"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
def test_where_the_server_fails_the_last_set_serves_for_a_day(
    server: KeyServer, status: int, body: bytes
) -> None:
    key = ProviderKey()
    server.serve(key_set(key.public()))
    verifier = Verifier(server.url)
    verifier.name_in(key.sign())
    server.serve(body, status=status)
    verifier.clock.advance(ms=KEEP_MS)

    assert verifier.keys.find("k1")[0].key_id == "k1"
    assert server.requests == 2
    verifier.clock.advance(ms=STALE_MS - KEEP_MS)
    with pytest.raises(KeysUnavailable):
        verifier.keys.find("k1")


@pytest.mark.parametrize(("status", "body"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
def test_where_the_server_fails_a_new_key_is_no_bad_token(
    server: KeyServer, status: int, body: bytes
) -> None:
    old, new = ProviderKey("old"), ProviderKey("new")
    server.serve(key_set(old.public()))
    verifier = Verifier(server.url)
    verifier.name_in(old.sign())
    server.serve(body, status=status)
    verifier.clock.advance(ms=RETRY_MS)

    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            verifier.name_in(new.sign())
    assert verifier.name_in(old.sign()) == "alice"
    assert server.requests == 2
    server.serve(key_set(new.public()))
    verifier.clock.advance(ms=RETRY_MS)
    assert verifier.name_in(new.sign()) == "alice"
    with pytest.raises(Unauthorized):
        verifier.name_in(old.sign())


@pytest.mark.parametrize(("status", "body"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
def test_without_a_set_it_is_asked_for_now_and_then(
    server: KeyServer, status: int, body: bytes
) -> None:
    server.serve(body, status=status)
    verifier = Verifier(server.url)

    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            verifier.name_in(ProviderKey().sign())
    at_once = server.requests
    key = ProviderKey()
    server.serve(key_set(key.public()))
    verifier.clock.advance(ms=RETRY_MS)

    assert at_once == 1
    assert verifier.name_in(key.sign()) == "alice"


UNFIT: dict[str, dict[str, Any]] = {
    "for encryption": {"use": "enc"},
    "for signing alone": {"key_ops": ["sign"]},
    "operations that are none": {"key_ops": "verify"},
    "for another algorithm": {"alg": "ES384"},
    "on another curve": {"crv": "P-384"},
    "of another kind": {"kty": "RSA"},
    "an id that is no text": {"kid": 7},
    "half a key": {"y": None},
    "no point of the curve": {"x": "AAAA"},
}


@pytest.mark.parametrize("more", UNFIT.values(), ids=UNFIT.keys())
def test_a_key_that_does_not_fit_is_left_out(more: dict[str, Any]) -> None:
    good = ProviderKey("good")

    found = read_key_set(key_set(ProviderKey().public(**more), good.public()), "ES256")

    assert [each.key_id for each in found] == ["good"]


def test_a_short_rsa_key_is_left_out() -> None:
    short = ProviderKey("short", "RS256", rsa_bits=1024)

    with pytest.raises(KeysUnavailable, match="has 0 keys"):
        read_key_set(key_set(short.public()), "RS256")


def test_a_token_without_a_key_id_is_for_keys_without_one(server: KeyServer) -> None:
    key = ProviderKey()
    nameless = key.sign(is_named=False)
    server.serve(key_set(key.public()))
    with pytest.raises(Unauthorized):
        Verifier(server.url).name_in(nameless)
    server.serve(key_set(key.public(kid=None)))

    assert Verifier(server.url).name_in(nameless) == "alice"


class TestConfusion:
    """What is signed with anything but the private key of the one algorithm is refused."""

    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    def test_the_public_key_is_no_secret(self, server: KeyServer, algorithm: str) -> None:
        key = ProviderKey(algorithm=algorithm)
        served = key_set(key.public())
        server.serve(served)
        text = json.dumps(key.public()).encode()

        for secret in (served, text, base64.b64encode(text)):
            forged = jwt.api_jws.encode(
                json.dumps(claims_of(iss=ISSUER)).encode(),
                base64.b64encode(secret),
                algorithm="HS256",
                headers={"kid": "k1"},
            )
            with pytest.raises(Unauthorized):
                Verifier(server.url, algorithm).name_in(forged)

    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    @pytest.mark.parametrize("signed_with", PUBLIC_ALGORITHMS)
    def test_an_algorithm_is_no_other(
        self, server: KeyServer, algorithm: str, signed_with: str
    ) -> None:
        if algorithm == signed_with:
            return
        right, wrong = ProviderKey("right", algorithm), ProviderKey("wrong", signed_with)
        server.serve(key_set(right.public(), wrong.public()))

        with pytest.raises(Unauthorized):
            Verifier(server.url, algorithm).name_in(wrong.sign())

    def test_a_deployment_with_a_secret_takes_no_public_key(self) -> None:
        class Secrets:
            def find(self, key_id: str | None) -> list[PyJWK]:
                del key_id
                return [key_of(SECRET.encode())]

        for token in (ProviderKey(algorithm=each).sign() for each in PUBLIC_ALGORITHMS):
            with pytest.raises(Unauthorized):
                tokens.verify(
                    token, keys=Secrets(), rules=TokenRules(), now_ms=ManualClock().now_ms
                )

    def test_an_issuer_is_no_other(self, server: KeyServer) -> None:
        key = ProviderKey()
        server.serve(key_set(key.public()))

        for issuer in ("https://login.example.com", None):
            with pytest.raises(Unauthorized):
                Verifier(server.url).name_in(key.sign(iss=issuer))

    def test_a_key_id_without_end_is_refused(self, server: KeyServer) -> None:
        server.serve(key_set(ProviderKey().public()))

        with pytest.raises(Unauthorized):
            Verifier(server.url).name_in(ProviderKey("k" * 257).sign())
        assert server.requests == 0

    def test_a_token_of_a_secret_is_refused(self, server: KeyServer) -> None:
        server.serve(key_set(ProviderKey().public()))

        with pytest.raises(Unauthorized):
            Verifier(server.url).name_in(a_token(iss=ISSUER))

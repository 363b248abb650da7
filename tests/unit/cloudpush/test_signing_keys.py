"""Secrets as keys: which are none, and how often that is looked at."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import HMACAlgorithm

from cloudpush import tokens
from cloudpush.errors import ConfigurationWrong
from cloudpush.secret import KEEP_MS, SecretReference
from cloudpush.signing_keys import SecretKeys
from cloudpush.tokens import TokenRules
from tests.fakes.auth import OTHER_SECRET, SECRET, a_token
from tests.fakes.push_service import NOON_MS, ManualClock

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:signing-AbCdEf"


class Vault:
    """Secrets Manager with one secret, and the clock of whoever reads it."""

    def __init__(self, text: str) -> None:
        self.clock = ManualClock()
        self.text = text
        self.keys = SecretKeys(SecretReference(ARN, client=lambda _: self, clock=self.clock))

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": self.text, "VersionId": str(hash(self.text))}

    def secrets(self) -> list[bytes]:
        return [each.key for each in self.keys.find(None)]


def a_public_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        .decode()
    )


def test_each_line_is_a_secret_and_space_around_it_is_not() -> None:
    vault = Vault(f"  {SECRET}\r\n\n{OTHER_SECRET}\n")

    assert vault.secrets() == [SECRET.encode(), OTHER_SECRET.encode()]


def test_a_new_version_is_used_as_soon_as_it_is_read() -> None:
    vault = Vault(SECRET)
    before = vault.secrets()
    vault.text = OTHER_SECRET

    vault.clock.advance(ms=KEEP_MS)

    assert (before, vault.secrets()) == ([SECRET.encode()], [OTHER_SECRET.encode()])


def test_a_version_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str | bytes] = []
    look = HMACAlgorithm.prepare_key

    def note(algorithm: HMACAlgorithm, key: str | bytes) -> bytes:
        looked_at.append(key)
        return look(algorithm, key)

    monkeypatch.setattr(HMACAlgorithm, "prepare_key", note)
    vault, token = Vault(SECRET), a_token()
    looked_at.clear()

    for _ in range(3):
        tokens.verify(token, keys=vault.keys, rules=TokenRules(), now_ms=NOON_MS)

    assert looked_at == [SECRET.encode()]


@pytest.mark.parametrize(
    "text",
    ["", " \n", SECRET[:-1], f"{SECRET}\nshort", a_public_key(), f'{{"kty":"oct","k":"{SECRET}"}}'],
    ids=["empty", "blank", "short", "one is short", "a public key", "a JSON Web Key"],
)
def test_what_is_no_secret_is_a_fault_of_the_deployment(text: str) -> None:
    with pytest.raises(ConfigurationWrong):
        Vault(text).secrets()

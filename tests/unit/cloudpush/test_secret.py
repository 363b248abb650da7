from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import get_session
from botocore.stub import Stubber

from cloudpush.errors import ConfigurationWrong, SecretUnavailable
from cloudpush.secret import KEEP_MS, Secret, SecretReference
from tests.fakes.push_service import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:receipts-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/cloudpush/receipts"


class Vault:
    """Both services, as botocore's clients whose answers are scripted."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stubs: dict[str, Stubber] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 — botocore makes its clients at run time
        return self.stub(service).client

    def stub(self, service: str) -> Stubber:
        if service not in self.stubs:
            client = get_session().create_client(
                service,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
            self.stubs[service] = Stubber(client)
            self.stubs[service].activate()
        return self.stubs[service]

    def will_answer(self, text: str, version: str) -> None:
        self.stub("secretsmanager").add_response(
            "get_secret_value",
            {"SecretString": text, "VersionId": version},
            {"SecretId": SECRET},
        )

    def will_fail(self, code: str) -> None:
        self.stub("secretsmanager").add_client_error("get_secret_value", code)

    def reference(self, reference: str = SECRET) -> SecretReference:
        return SecretReference(reference, client=self.client, clock=self.clock)


@pytest.fixture
def vault() -> Iterator[Vault]:
    made = Vault()
    yield made
    for stub in made.stubs.values():
        stub.assert_no_pending_responses()


VERSION = "11111111-2222-3333-4444-555555555555"
NEXT = "66666666-7777-8888-9999-000000000000"


def test_a_secret_is_read_once_for_some_minutes_and_then_anew(vault: Vault) -> None:
    vault.will_answer("old", VERSION)
    vault.will_answer("new", NEXT)
    secret = vault.reference()

    first = [secret.read(), secret.read()]
    vault.clock.advance(ms=KEEP_MS)
    then = secret.read()

    assert first == [Secret(VERSION, "old")] * 2
    assert then == Secret(NEXT, "new")


def test_a_parameter_is_read_decrypted(vault: Vault) -> None:
    vault.stub("ssm").add_response(
        "get_parameter",
        {"Parameter": {"Value": "text", "Version": 7}},
        {"Name": PARAMETER, "WithDecryption": True},
    )

    assert vault.reference(PARAMETER).read() == Secret("7", "text")


def test_plain_text_is_itself(vault: Vault) -> None:
    assert vault.reference("plain:a:b").read() == Secret("plain", "a:b")


def test_what_was_read_before_does_where_the_service_fails(vault: Vault) -> None:
    vault.will_answer("old", VERSION)
    vault.will_fail("InternalServiceError")
    secret = vault.reference()
    secret.read()
    vault.clock.advance(ms=KEEP_MS)

    assert secret.read() == Secret(VERSION, "old")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", ConfigurationWrong),
        ("ResourceNotFoundException", ConfigurationWrong),
        ("DecryptionFailure", ConfigurationWrong),
        ("ThrottlingException", SecretUnavailable),
        ("InternalServiceError", SecretUnavailable),
    ],
)
def test_why_it_cannot_be_read_is_told(vault: Vault, code: str, error: type[Exception]) -> None:
    vault.will_fail(code)

    with pytest.raises(error, match=code):
        vault.reference().read()


def test_a_binary_secret_is_none(vault: Vault) -> None:
    vault.stub("secretsmanager").add_response(
        "get_secret_value", {"SecretBinary": b"x", "VersionId": VERSION}
    )

    with pytest.raises(ConfigurationWrong, match="binary"):
        vault.reference().read()


@pytest.mark.parametrize("reference", ["", "receipts", "arn:aws:s3:::bucket"])
def test_other_references_are_refused(vault: Vault, reference: str) -> None:
    with pytest.raises(ConfigurationWrong, match="ARN"):
        vault.reference(reference).read()


def test_a_secret_is_not_shown() -> None:
    assert repr(Secret("7", "text")) == "Secret('7')"

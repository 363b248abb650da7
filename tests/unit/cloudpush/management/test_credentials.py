from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import CredentialRetrievalError

from cloudpush.errors import ConfigurationWrong, GatewayUnavailable
from cloudpush.management.credentials import ChainCredentials, Credentials
from tests.fakes.credentials import StaticCredentials

if TYPE_CHECKING:
    from botocore.session import Session


class FakeSession:
    """As much of a botocore session as a chain needs."""

    def __init__(self, found: Credentials | None) -> None:
        self.found = found
        self.asked = 0

    def get_credentials(self) -> Credentials | None:
        self.asked += 1
        return self.found


class ExpiredCredentials:
    def get_frozen_credentials(self) -> StaticCredentials:
        raise CredentialRetrievalError(provider="a test", error_msg="refused")


def chain_of(session: FakeSession) -> ChainCredentials:
    return ChainCredentials(cast("Session", session))


def test_chain_runs_once_and_not_before_it_is_needed() -> None:
    session = FakeSession(StaticCredentials())
    credentials = chain_of(session)
    assert session.asked == 0

    frozen = [credentials.get_frozen_credentials() for _ in range(2)]

    assert frozen == [StaticCredentials(), StaticCredentials()]
    assert session.asked == 1


def test_without_credentials_the_configuration_is_wrong() -> None:
    with pytest.raises(ConfigurationWrong):
        chain_of(FakeSession(None)).get_frozen_credentials()


def test_failed_refresh_is_temporary() -> None:
    with pytest.raises(GatewayUnavailable, match="refused"):
        chain_of(FakeSession(ExpiredCredentials())).get_frozen_credentials()


def test_environment_of_a_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    frozen = ChainCredentials().get_frozen_credentials()

    assert (frozen.access_key, frozen.secret_key, frozen.token) == (
        "AKIDEXAMPLE",
        "secret",
        "token",
    )

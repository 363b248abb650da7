from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.session import get_session

from cloudpush import aws_clients

if TYPE_CHECKING:
    from botocore.session import Session


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return aws_clients.new_session()


@pytest.mark.parametrize("path", ["endpoints", "partitions", "_retry"])
def test_the_fast_reader_reads_what_botocores_reads(session: Session, path: str) -> None:
    ours, theirs = session.get_component("data_loader"), get_session().get_component("data_loader")

    assert ours.load_data(path) == theirs.load_data(path)


@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
@pytest.mark.parametrize("service", ["dynamodb", "sqs", "sts"])
def test_a_services_model_is_the_same_in_the_same_order(
    session: Session, service: str, kind: str
) -> None:
    ours, theirs = session.get_component("data_loader"), get_session().get_component("data_loader")

    model = ours.load_service_model(service, kind)

    assert json.dumps(model) == json.dumps(theirs.load_service_model(service, kind))


def test_what_is_no_service_is_none(session: Session) -> None:
    with pytest.raises(UnknownServiceError):
        aws_clients.new_client(session, "teleport", region="us-east-1")


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
def test_a_client_of_either_service_waits_a_bounded_time(session: Session, service: str) -> None:
    client = aws_clients.new_client(session, service, region="eu-west-1")

    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert client.meta.endpoint_url == f"https://{service}.eu-west-1.amazonaws.com"


def test_an_endpoint_of_the_environment_is_obeyed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")

    client = aws_clients.new_client(session, "sqs", region="us-east-1")

    assert client.meta.endpoint_url == "http://127.0.0.1:1"

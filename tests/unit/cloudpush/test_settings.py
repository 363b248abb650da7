from __future__ import annotations

import pytest

from cloudpush import settings
from cloudpush.errors import ConfigurationWrong
from cloudpush.model import Policy
from cloudpush.settings import ReceiptUrl, Settings, Telemetry


def test_without_variables_the_defaults_hold() -> None:
    found = settings.read({})

    assert found == Settings(
        store="dynamodb",
        region="us-east-1",
        stale_after_ms=60_000,
        policy=Policy.MULTI,
        has_test_page=False,
    )


def test_every_variable_is_read() -> None:
    found = settings.read(
        {
            "STORE": "redis",
            "TABLE_NAME": "connections",
            "REDIS_URL": "redis://127.0.0.1:6379/0",
            "DELIVER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/deliver",
            "FAN_OUT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/fan-out",
            "NOTIFY_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/notify",
            "RECEIPT_URL": "https://example.com/receipts?tenant=1",
            "RECEIPT_SECRET": "arn:aws:secretsmanager:eu-west-1:1:secret:receipts-AbCdEf",
            "RECEIPT_NETWORK": "private",
            "MANAGEMENT_URL": "https://a.execute-api.eu-west-1.amazonaws.com/dev",
            "WEBSOCKET_URL": "wss://a.execute-api.eu-west-1.amazonaws.com/dev",
            "AWS_REGION": "eu-west-1",
            "STALE_AFTER_SECONDS": "90",
            "BROADCAST_RATE": "20000",
            "CONNECTION_POLICY": "single",
            "TEST_PAGE": "true",
        }
    )

    assert found == Settings(
        store="redis",
        table_name="connections",
        redis_url="redis://127.0.0.1:6379/0",
        deliver_queue_url="https://sqs.eu-west-1.amazonaws.com/1/deliver",
        fan_out_queue_url="https://sqs.eu-west-1.amazonaws.com/1/fan-out",
        notify_queue_url="https://sqs.eu-west-1.amazonaws.com/1/notify",
        receipt_url=ReceiptUrl(
            is_https=True,
            host="example.com",
            port=443,
            target="/receipts?tenant=1",
            may_be_private=True,
        ),
        receipt_secret="arn:aws:secretsmanager:eu-west-1:1:secret:receipts-AbCdEf",
        management_url="https://a.execute-api.eu-west-1.amazonaws.com/dev",
        websocket_url="wss://a.execute-api.eu-west-1.amazonaws.com/dev",
        region="eu-west-1",
        stale_after_ms=90_000,
        broadcast_rate=20_000,
        policy=Policy.SINGLE,
        has_test_page=True,
    )


def test_the_endpoint_that_the_local_gateway_sets_wins_over_the_templates() -> None:
    found = settings.read(
        {
            "MANAGEMENT_URL": "https://a.execute-api.eu-west-1.amazonaws.com/dev",
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3000/dev",
        }
    )

    assert found.management_url == "http://127.0.0.1:3000/dev"


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    found = settings.read(
        {"STORE": "", "REDIS_URL": "", "STALE_AFTER_SECONDS": "", "TEST_PAGE": ""}
    )

    assert found == settings.read({})


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("STORE", "mysql", "STORE is 'mysql'; dynamodb and redis are allowed"),
        (
            "CONNECTION_POLICY",
            "Single",
            "CONNECTION_POLICY is 'Single'; single and multi are allowed",
        ),
        ("TEST_PAGE", "yes", "TEST_PAGE is 'yes'; true and false are allowed"),
        *[
            (
                "BROADCAST_RATE",
                value,
                f"BROADCAST_RATE is {value!r}; 0 (not limited) to 1000000 are allowed",
            )
            for value in ("-1", "1.5", "1000001", "fast", "9" * 5000)
        ],
        *[
            (
                "STALE_AFTER_SECONDS",
                value,
                f"STALE_AFTER_SECONDS is {value!r}; 0 (off) to 7200 are allowed",
            )
            for value in ("-1", "1.5", "7201", "soon", " 5", "٣", "²", "9" * 5000)
        ],
    ],
)
def test_a_wrong_value_says_what_was_found_and_what_is_allowed(
    variable: str, value: str, text: str
) -> None:
    with pytest.raises(ConfigurationWrong) as caught:
        settings.read({variable: value})

    assert str(caught.value) == text


@pytest.mark.parametrize(("value", "ms"), [("0", 0), ("7200", 7_200_000), ("060", 60_000)])
def test_the_stale_limit_is_off_or_up_to_two_hours(value: str, ms: int) -> None:
    assert settings.read({"STALE_AFTER_SECONDS": value}).stale_after_ms == ms


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://login.example.com/jwks", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("https:///jwks", "must have a host"),
        ("https://user@login.example.com/jwks", "must have a host"),
        ("https://login.example.com/jwks#x", "must have a host"),
        ("https://login.example.com/j wks", "must have a host"),
        ("https://login.example.com:port/", "is no URL"),
    ],
)
def test_public_keys_come_by_tls_from_a_host(url: str, text: str) -> None:
    with pytest.raises(ConfigurationWrong, match=text):
        settings.read({"AUTH_JWKS_URL": url})


def test_on_the_local_gateway_public_keys_may_come_without_tls() -> None:
    local = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3000/dev"}
    url = "http://127.0.0.1:8080/jwks"

    assert settings.read({**local, "AUTH_JWKS_URL": url}).auth_jwks_url == url


def test_an_algorithm_that_is_none_of_ours_says_which_are() -> None:
    with pytest.raises(ConfigurationWrong, match="'none'; HS256, RS256, ES256, EdDSA are allowed"):
        settings.read({"AUTH_ALGORITHM": "none"})


def test_origins_are_read_with_commas_between() -> None:
    found = settings.read({"ALLOWED_ORIGINS": "https://a.example.com, http://localhost:5173"})

    assert found.allowed_origins == {"https://a.example.com", "http://localhost:5173"}


@pytest.mark.parametrize(
    "origin",
    ["*", "a.example.com", "https://a/", "https://A", "https://u@a", "https://", "http:/[x"],
)
def test_what_no_browser_writes_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(ConfigurationWrong, match="ALLOWED_ORIGINS has"):
        settings.read({"ALLOWED_ORIGINS": f"https://a.example.com,{origin}"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAX_CONNECTIONS_PER_CLIENT", "0"),
        ("MAX_CONNECTIONS_PER_CLIENT", "51"),
        ("MESSAGE_RATE", "-1"),
        ("PUSH_RATE", "100001"),
        ("CONNECT_RATE", "9" * 5000),
    ],
)
def test_a_number_out_of_range_says_which_are_allowed(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationWrong, match=f"{variable} is .* are allowed"):
        settings.read({variable: value})


def test_a_password_of_redis_is_no_setting_of_a_deployed_function() -> None:
    deployed = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}
    local = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3000/dev"}
    url, arn = "redis://:secret@host/0", "arn:aws:ssm:us-east-1:123456789012:parameter/redis"

    accepted = [
        settings.read({**more, "REDIS_URL": value}).redis_url
        for more, value in ((deployed, arn), (deployed | local, url), ({}, url))
    ]

    assert accepted == [arn, url, url]
    with pytest.raises(ConfigurationWrong, match="REDIS_URL has a password") as refused:
        settings.read({**deployed, "REDIS_URL": url})
    assert "secret@" not in str(refused.value)


def test_required() -> None:
    assert settings.required("x", "TABLE_NAME") == "x"
    with pytest.raises(ConfigurationWrong, match="TABLE_NAME is not set"):
        settings.required(None, "TABLE_NAME")


def test_telemetry_has_a_name_even_where_none_is_set() -> None:
    assert settings.read_telemetry({}) == Telemetry(service="cloudpush", namespace="cloudpush")
    assert settings.read_telemetry(
        {"POWERTOOLS_SERVICE_NAME": "a", "POWERTOOLS_METRICS_NAMESPACE": "b"}
    ) == Telemetry(service="a", namespace="b")


@pytest.mark.parametrize(
    ("environ", "is_on_lambda"),
    [
        ({}, False),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": ""}, False),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}, True),
        ({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, True),
    ],
)
def test_lambda_is_known_by_its_initialisation(
    environ: dict[str, str], *, is_on_lambda: bool
) -> None:
    assert settings.is_on_lambda(environ) is is_on_lambda


LOCAL = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3000/dev"}


@pytest.mark.parametrize(
    ("url", "port", "target", "authority"),
    [
        ("https://a.example", 443, "/", "a.example"),
        ("https://a.example:8443/x/y?z=1", 8443, "/x/y?z=1", "a.example:8443"),
        ("http://127.0.0.1:9000/receipts", 9000, "/receipts", "127.0.0.1:9000"),
        ("http://[::1]/", 80, "/", "[::1]"),
    ],
)
def test_where_receipts_go_is_taken_apart(url: str, port: int, target: str, authority: str) -> None:
    found = settings.read({**LOCAL, "RECEIPT_NETWORK": "private", "RECEIPT_URL": url}).receipt_url

    assert found is not None
    assert (found.port, found.target, found.authority) == (port, target, authority)


@pytest.mark.parametrize(
    "variables",
    [
        {"RECEIPT_URL": "http://a.example/"},
        {"RECEIPT_URL": "http://a.example/", "RECEIPT_NETWORK": "private"},
        {**LOCAL, "RECEIPT_URL": "http://a.example/"},
        {**LOCAL, "RECEIPT_URL": "ftp://a.example/", "RECEIPT_NETWORK": "private"},
        {"RECEIPT_URL": "https://"},
        {"RECEIPT_URL": "https:///path"},
        {"RECEIPT_URL": "https://user@a.example/"},
        {"RECEIPT_URL": "https://user:word@a.example/"},
        {"RECEIPT_URL": "https://a.example/#part"},
        {"RECEIPT_URL": "https://a.example/\r\nX: y"},
        {"RECEIPT_URL": "https://a.example/\u00e4"},
        {"RECEIPT_URL": "https://a.example:port/"},
        {"RECEIPT_URL": "https://[::1/"},
        {"RECEIPT_NETWORK": "any"},
        {"RECEIPT_SECRET": "plain:aaaaaaaaaaaaaaaaaaaaaaaa"},
        {"RECEIPT_SECRET": "aaaaaaaaaaaaaaaaaaaaaaaa"},
        {**LOCAL, "RECEIPT_SECRET": "aaaaaaaaaaaaaaaaaaaaaaaa"},
    ],
)
def test_receipts_go_nowhere_by_a_wrong_setting(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationWrong, match="RECEIPT"):
        settings.read(variables)


def test_a_plain_secret_is_for_the_local_gateway() -> None:
    found = settings.read({**LOCAL, "RECEIPT_SECRET": "plain:aaaaaaaaaaaaaaaaaaaaaaaa"})

    assert found.receipt_secret == "plain:aaaaaaaaaaaaaaaaaaaaaaaa"

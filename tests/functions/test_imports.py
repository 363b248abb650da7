"""What each function loads before its first event: the cold start that every client may meet.

Times are not asserted, they belong to a machine. What makes them is: which libraries, how many
modules. The budgets are today's counts with some slack for what a library's next version adds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "DELIVER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/deliver",
    "FAN_OUT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/fan-out",
    "NOTIFY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/notify",
    "RECEIPT_SECRET": "arn:aws:ssm:us-east-1:123456789012:parameter/receipts",
    "RECEIPT_URL": "https://receiver.invalid/",
    "MANAGEMENT_URL": "https://api.execute-api.us-east-1.amazonaws.com/dev",
    "STORE": "redis",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
"""What the functions find on Lambda; nobody listens at the addresses."""

HEAVY = {
    "aiohttp",
    "aws_xray_sdk",
    "boto3",
    "cryptography",
    "fastapi",
    "jwt",
    "mangum",
    "moto",
    "orjson",
    "pydantic",
    "redis",
    "starlette",
    "botocore.session",
    "botocore.client",
    "cloudpush.management",
    "cloudpush.queues.sqs",
    "cloudpush.stores.dynamodb",
    "cloudpush.stores.redis",
    "local_gateway",
}


def run(program: str, environment: Mapping[str, str] = MappingProxyType({})) -> Any:  # noqa: ANN401 — any JSON
    """Run a program in a process of its own, and return the JSON that it printed."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{program}"],
        check=True,
        capture_output=True,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        text=True,
    )
    return json.loads(ended.stdout)


def modules_of(program: str) -> set[str]:
    """Return the modules that are loaded after a program has run in a process of its own."""
    return set(run(f"{program}\nprint(json.dumps([*sys.modules]))"))


@pytest.mark.parametrize(
    "function",
    ["authorize", "connect", "disconnect", "message", "deliver", "fan_out", "notify", "sweep"],
)
def test_a_function_loads_nothing_heavy_and_not_much_else(function: str) -> None:
    modules = modules_of(f"import {function}")

    assert modules & HEAVY == set()
    assert len(modules) <= 290


@pytest.mark.parametrize(
    ("function", "on_redis", "on_dynamodb"),
    [
        ("connect", 560, 480),
        ("disconnect", 410, 480),
        ("message", 585, 505),
        ("deliver", 580, 500),
        ("fan_out", 580, 500),
        ("sweep", 585, 505),
        ("push_api", 805, 740),
    ],
)
def test_an_environment_is_initialised_within_its_budget_of_modules(
    function: str, on_redis: int, on_dynamodb: int
) -> None:
    loaded = f"import {function}\nprint(json.dumps([*sys.modules]))"
    tables = {"STORE": "dynamodb", "TABLE_NAME": "table", "AWS_REGION": "us-east-1"}

    redis, dynamodb = run(loaded, LAMBDA), run(loaded, {**LAMBDA, **tables})

    assert "redis.client" in redis
    assert len(redis) <= on_redis
    assert "cloudpush.stores.dynamodb" in dynamodb
    assert len(dynamodb) <= on_dynamodb


SECRET = {
    "AUTH_MODE": "jwt",
    "AUTH_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:auth",
}
PUBLIC_KEYS = {
    "AUTH_MODE": "jwt",
    "AUTH_ALGORITHM": "EdDSA",
    "AUTH_ISSUER": "https://issuer.invalid/",
    "AUTH_JWKS_URL": "https://issuer.invalid/keys",
}


@pytest.mark.parametrize(
    ("function", "settings", "adapters", "budget"),
    [
        ("authorize", SECRET, ["signing_keys"], 390),
        ("authorize", PUBLIC_KEYS, ["signing_keys"], 310),
        ("notify", {}, ["notify_queue", "receiver"], 480),
    ],
)
def test_a_function_that_asks_no_store_at_first_loads_none(
    function: str, settings: dict[str, str], adapters: list[str], budget: int
) -> None:
    built, modules = run(
        f"import {function}\nfrom cloudpush import wiring\n"
        "built = [each for each in vars(wiring.current()) if not each.startswith('_')]\n"
        "print(json.dumps([sorted({*built} - {'settings'}), [*sys.modules]]))",
        {**LAMBDA, **settings},
    )

    assert built == adapters
    assert {"redis", "cloudpush.stores.redis"} & {*modules} == set()
    assert len(modules) <= budget


@pytest.mark.parametrize(("store", "other"), [("redis", "dynamodb"), ("dynamodb", "redis")])
def test_a_store_loads_nothing_of_the_other(store: str, other: str) -> None:
    modules = modules_of(
        "from cloudpush.settings import Settings\n"
        "from cloudpush.wiring import Wiring\n"
        f"Wiring(Settings(store='{store}', redis_url='redis://h', table_name='t')).store"
    )

    assert f"cloudpush.stores.{store}" in modules
    assert f"cloudpush.stores.{other}" not in modules
    assert ("redis" in modules) == (store == "redis")
    assert "boto3" not in modules


def test_push_api_alone_loads_the_framework_and_yet_no_adapter() -> None:
    modules = modules_of("import push_api")

    framework = {"fastapi", "mangum", "pydantic", "starlette", "orjson"}  # orjson where it is there
    assert {"fastapi", "mangum"} <= modules
    assert modules & (HEAVY - framework) == set()


BUILT = """
from cloudpush import wiring
built = vars(wiring.current()).keys() - {"settings"}
print(json.dumps(sorted(name for name in built if not name.startswith("_"))))
"""


MAILROOM = [
    "budgets",
    "deliver_queue",
    "fan_out_queue",
    "fan_outs",
    "gateway",
    "inboxes",
    "mailroom",
    "messages",
    "notify_queue",
    "outlet",
    "store",
]


@pytest.mark.parametrize(
    ("function", "adapters"),
    [
        ("connect", ["access", "deliver_queue", "store"]),
        ("disconnect", ["store"]),
        ("message", MAILROOM),
        ("deliver", MAILROOM),
        ("fan_out", MAILROOM),
        ("sweep", MAILROOM),
        ("push_api", sorted([*MAILROOM, "access", "repeats"])),
    ],
)
def test_on_lambda_a_function_is_initialised_with_what_its_events_need(
    function: str, adapters: list[str]
) -> None:
    assert run(f"import {function}{BUILT}", LAMBDA) == adapters


def test_a_wrong_setting_fails_the_event_and_not_the_import() -> None:
    assert run(f"import message{BUILT}", {**LAMBDA, "MANAGEMENT_URL": ""}) == [
        "deliver_queue",
        "store",
    ]


def test_settings_that_cannot_be_read_do_not_fail_the_import() -> None:
    assert run("import message\nprint(json.dumps(1))", {**LAMBDA, "STORE": "paper"}) == 1

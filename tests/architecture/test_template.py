"""template.yaml against the code that it deploys, and against what AWS asks of it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from cloudpush import settings
from local_gateway import template as gateway_template
from local_gateway.api import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_gateway.api import Application

SET_BY_LAMBDA: Final = {
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",  # by the local gateway
    "AWS_LAMBDA_INITIALIZATION_TYPE",
}
READ_BY_POWERTOOLS: Final = {"LOG_LEVEL"}

ACTIONS_OF_CALL: Final = {
    "batch_get_item": {"dynamodb:BatchGetItem"},
    "delete_item": {"dynamodb:DeleteItem"},
    "get_item": {"dynamodb:GetItem"},
    "put_item": {"dynamodb:PutItem"},
    "query": {"dynamodb:Query"},
    "transact_write_items": {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
    "update_item": {"dynamodb:UpdateItem"},
}
"""What IAM calls a call of the client; a transaction is allowed by its parts."""

FORCED_WILDCARDS: Final = {
    # A connection's id is known only when it connects.
    "${WebSocketApi}/${Stage}/POST/@connections/*",
    "${WebSocketApi}/${Stage}/DELETE/@connections/*",
}


@pytest.fixture(scope="module", params=["dynamodb", "redis"])
def application(root: Path, request: pytest.FixtureRequest) -> Application:
    parameters = {"Store": request.param, "RedisUrl": "redis://redis.invalid/0"}
    return gateway_template.load(root / "template.yaml", parameters=parameters, identity=Identity())


def statements_of(value: object) -> Iterator[dict[str, Any]]:
    """Yield every IAM statement below a value, in either branch of a condition."""
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        if "Effect" in mapping and "Action" in mapping:
            yield mapping
        value = list(mapping.values())
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from statements_of(item)


def listed(value: Any) -> list[Any]:  # noqa: ANN401 — a value of JSON
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def policies_of(resources: dict[str, dict[str, Any]], role: str) -> list[dict[str, Any]]:
    return list(statements_of(resources[role]["Properties"].get("Policies", [])))


def test_every_module_is_one_function_and_every_function_one_module(
    root: Path, application: Application
) -> None:
    modules = sorted(path.stem for path in (root / "functions").glob("*.py"))

    handlers = sorted(function.handler for function in application.functions.values())

    assert handlers == [f"{module}.handler" for module in modules]


def test_every_handler_is_defined_in_its_module(root: Path, application: Application) -> None:
    defined = {
        f"{path.stem}.{name}"
        for path in (root / "functions").glob("*.py")
        for name in names_bound_in(ast.parse(path.read_text()))
    }

    handlers = {function.handler for function in application.functions.values()}

    assert handlers <= defined


def names_bound_in(module: ast.Module) -> Iterator[str]:
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def test_every_function_has_a_role_of_its_own(resources: dict[str, dict[str, Any]]) -> None:
    roles = {
        logical_id: resource["Properties"]["Role"]["Fn::GetAtt"]
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    assert roles == {
        logical_id: [logical_id.replace("Function", "Role"), "Arn"] for logical_id in roles
    }


def test_only_those_that_need_a_layer_have_it(resources: dict[str, dict[str, Any]]) -> None:
    with_layers = {
        logical_id: resource["Properties"]["Layers"]
        for logical_id, resource in resources.items()
        if "Layers" in resource["Properties"]
    }

    signatures = {"Fn::If": ["UsesPublicKeys", {"Ref": "SignatureLayer"}, {"Ref": "AWS::NoValue"}]}
    assert with_layers == {
        "AuthorizeFunction": [signatures],
        "PushApiFunction": [{"Ref": "HttpLayer"}, signatures],
    }


def test_the_variables_are_those_that_the_code_reads(template: dict[str, Any]) -> None:
    declared = set(template["Globals"]["Function"]["Environment"]["Variables"])

    read = Recorder()
    settings.read(read)
    settings.read_telemetry(read)

    assert declared == read.asked - SET_BY_LAMBDA | READ_BY_POWERTOOLS


class Recorder(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 — as `dict.get`
        self.asked.add(key)
        return default


def test_defaults_are_settings_that_the_code_accepts(application: Application) -> None:
    environments = [function.environment for function in application.functions.values()]

    accepted = [settings.read(environment) for environment in environments]

    assert all(each == accepted[0] for each in accepted)
    assert accepted[0].websocket_url == "wss://{}/dev".format(
        application.websocket_apis["WebSocketApi"].domain_name(application.identity)
    )


def test_a_queue_hides_a_record_six_times_as_long_as_its_function_may_run(
    application: Application,
) -> None:
    times = {
        mapping.queue: (
            int(application.queues[mapping.queue].attributes["VisibilityTimeout"]),
            application.functions[mapping.function].timeout_seconds,
        )
        for mapping in application.queue_mappings
    }

    assert set(times) == {"DeliverQueue", "FanOutQueue", "NotifyQueue"}
    assert all(hidden >= 6 * timeout for hidden, timeout in times.values())


def test_every_queue_with_a_function_has_a_dead_letter_queue_and_partial_failures(
    application: Application,
) -> None:
    arns = {name: queue.arn for name, queue in application.queues.items()}

    targets = {
        mapping.queue: json.loads(application.queues[mapping.queue].attributes["RedrivePolicy"])[
            "deadLetterTargetArn"
        ]
        for mapping in application.queue_mappings
    }

    assert targets == {
        "DeliverQueue": arns["DeadLetterQueue"],
        "FanOutQueue": arns["DeadLetterQueue"],
        "NotifyQueue": arns["ReceiptDeadLetterQueue"],
    }
    assert all(mapping.reports_batch_item_failures for mapping in application.queue_mappings)


def test_what_feeds_itself_by_a_queue_is_not_stopped_as_a_loop(
    resources: dict[str, dict[str, Any]],
) -> None:
    allowed = {
        logical_id
        for logical_id, resource in resources.items()
        if resource["Properties"].get("RecursiveLoop") == "Allow"
    }

    assert allowed == {"FanOutFunction", "DeliverFunction", "SweepFunction"}


def test_answers_to_the_sender_have_a_route_response(application: Application) -> None:
    routes = application.websocket_apis["WebSocketApi"].routes

    two_way = {key: route.has_route_response for key, route in routes.items()}

    assert two_way == {"$connect": False, "$disconnect": False, "$default": True}


@pytest.mark.parametrize("seconds", ["60", "0"])
def test_the_sweep_has_a_schedule_whether_or_not_it_looks_for_silence(
    root: Path, seconds: str
) -> None:
    parameters = {"StaleAfterSeconds": seconds}

    loaded = gateway_template.load(
        root / "template.yaml", parameters=parameters, identity=Identity()
    )

    assert [(each.function, each.expression, each.is_enabled) for each in loaded.schedules] == [
        ("SweepFunction", "rate(1 minute)", True)
    ]


def test_no_action_is_a_wildcard(cloudformation: dict[str, Any]) -> None:
    actions = {
        action
        for statement in statements_of(cloudformation["Resources"])
        for action in listed(statement["Action"])
    }

    assert {action for action in actions if "*" in action} == set()


def test_no_resource_is_a_wildcard_that_no_service_forces(
    resources: dict[str, dict[str, Any]],
) -> None:
    wild = {
        json.dumps(resource)
        for statement in statements_of(resources)
        for resource in listed(statement.get("Resource", []))
        if "*" in json.dumps(resource)
        and not any(action.startswith("ec2:") for action in listed(statement["Action"]))
    }

    assert all(any(forced in resource for forced in FORCED_WILDCARDS) for resource in wild)


def test_a_wildcard_over_network_interfaces_is_there_only_in_a_vpc(
    resources: dict[str, dict[str, Any]],
) -> None:
    statements = resources["FunctionPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    conditions = [
        statement["Fn::If"][0]
        for statement in statements
        if "ec2:CreateNetworkInterface" in json.dumps(statement)
    ]

    assert conditions == ["IsInVpc"]


def test_aws_attaches_no_policy_of_its_own(cloudformation: dict[str, Any]) -> None:
    attached = {
        logical_id: json.dumps(resource["Properties"].get("ManagedPolicyArns", []))
        for logical_id, resource in cloudformation["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }

    assert len(attached) == 9
    assert {role for role, arns in attached.items() if "arn:" in arns} == set()
    assert {role for role, arns in attached.items() if "SecretPolicy" in arns} == {
        "AuthorizeRole",
        "PushApiRole",
    }


def test_only_those_that_close_connections_may_delete_them(
    resources: dict[str, dict[str, Any]],
) -> None:
    allowed: dict[str, set[str]] = defaultdict(set)
    for role, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for statement in policies_of(resources, role):
            if statement["Action"] == "execute-api:ManageConnections":
                for arn in listed(statement["Resource"]):
                    allowed[arn["Fn::Sub"].split("/")[-3]].add(role)

    # Whoever sends may come upon a client that acknowledged nothing of what was sent.
    senders = {"MessageRole", "PushApiRole", "FanOutRole", "DeliverRole", "SweepRole"}
    assert allowed == {"POST": senders, "DELETE": senders}


def test_the_table_allows_what_the_store_calls_and_nothing_else(
    root: Path, resources: dict[str, dict[str, Any]]
) -> None:
    source = root / "layers/cloudpush/python/cloudpush/stores/dynamodb_table.py"
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "self._client"
    }
    allowed = {
        action
        for statement in statements_of(resources)
        for action in listed(statement["Action"])
        if action.startswith("dynamodb:")
    }

    assert allowed == set[str]().union(*(ACTIONS_OF_CALL[call] for call in called))


def test_cfn_lint_finds_nothing_in_what_cloudformation_gets(
    cloudformation: dict[str, Any], tmp_path: Path
) -> None:
    transformed = tmp_path / "template.json"
    transformed.write_text(json.dumps(cloudformation))

    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), transformed],
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.stdout + linted.stderr == ""
    assert linted.returncode == 0

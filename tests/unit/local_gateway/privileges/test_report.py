from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway import template
from local_gateway.api import Identity
from local_gateway.privileges import report
from local_gateway.privileges.record import AwsCall, CallRecord, function_of, read
from local_gateway.sources import POLLER_ACTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.api import Application

ARN = "arn:aws:sqs:us-east-1:123456789012"
SEND = "sqs:SendMessage"


def application_of(folder: Path, *statements: dict[str, Any], **role: object) -> Application:
    """Load a template with one function, `Work`, whose role has these statements."""
    (folder / "work.py").write_text("def handler(event, context): ...\n")
    policy = {"PolicyName": "work", "PolicyDocument": {"Statement": list(statements)}}
    function = {
        "Handler": "work.handler",
        "Runtime": "python3.13",
        "Code": str(folder),
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    resources: dict[str, Any] = {
        "Work": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {}, "Policies": [policy], **role},
        },
    }
    file = folder / "template.json"
    file.write_text(json.dumps({"Resources": resources}))
    return template.load(file, parameters={}, identity=Identity())


def allow(*actions: str, on: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.jsonl"


def record(file: Path, *calls: tuple[str, str]) -> Path:
    written = CallRecord.begin(file)
    for action, resource in calls:
        written.note("Work", action, resource)
    written.close()
    return file


def test_a_call_is_written_once_and_a_new_run_begins_anew(file: Path) -> None:
    record(file, (SEND, "old"))

    record(file, (SEND, "new"), (SEND, "new"))

    assert file.read_text().count("\n") == 1
    assert read(file) == {AwsCall("Work", SEND, "new")}


def test_a_request_is_a_functions_by_its_session_token() -> None:
    assert function_of([(b"X-Amz-Security-Token", b"local/Work")]) == "Work"
    assert function_of([(b"x-amz-security-token", b"a developer's")]) is None
    assert function_of([]) is None


def test_a_role_that_allows_just_what_was_called_fits(tmp_path: Path, file: Path) -> None:
    application = application_of(
        tmp_path, allow(SEND, on=f"{ARN}:Jobs"), allow("logs:PutLogEvents", on="*")
    )

    answer = report.report(application, record(file, (SEND, f"{ARN}:Jobs")), now_ms=0)

    assert answer == (0, "Work: its role fits")


def test_what_is_missing_and_what_is_unused_is_named_action_by_resource(
    tmp_path: Path, file: Path
) -> None:
    application = application_of(
        tmp_path, allow(SEND, "sqs:DeleteMessage", on=[f"{ARN}:Jobs", f"{ARN}:Other"])
    )
    record(
        file, (SEND, f"{ARN}:Jobs"), (SEND, f"{ARN}:Third"), ("sqs:DeleteMessage", f"{ARN}:Jobs")
    )

    code, text = report.report(application, file, now_ms=0)

    assert code == 1
    assert text.splitlines() == [
        "Work: its role differs",
        f"  missing sqs:SendMessage on {ARN}:Third",
        f"  unused  sqs:DeleteMessage on {ARN}:Other",
        f"  unused  sqs:SendMessage on {ARN}:Other",
    ]


def test_a_mapping_is_allowed_by_the_policy_that_aws_has_for_it(tmp_path: Path, file: Path) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
    application = application_of(tmp_path, ManagedPolicyArns=[arn])
    calls = [(action, f"{ARN}:Jobs") for action in POLLER_ACTIONS]

    answer = report.report(application, record(file, *calls), now_ms=0)

    assert answer == (0, "Work: its role fits")


def test_what_is_denied_is_missing(tmp_path: Path, file: Path) -> None:
    denial = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
    application = application_of(tmp_path, allow(SEND, on="*"), denial)

    code, text = report.report(application, record(file, (SEND, f"{ARN}:Jobs")), now_ms=0)

    assert (code, text.splitlines()[1:]) == (1, [f"  missing {SEND} on {ARN}:Jobs"])


@pytest.mark.parametrize(
    "role",
    [
        {"ManagedPolicyArns": ["arn:aws:iam::123456789012:policy/of-somebody-else"]},
        {"PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary"},
    ],
)
def test_a_role_of_which_only_aws_knows_all_is_called_so(
    tmp_path: Path, file: Path, role: dict[str, Any]
) -> None:
    application = application_of(tmp_path, **role)

    answer = report.report(application, record(file, (SEND, f"{ARN}:Jobs")), now_ms=0)

    assert answer == (0, "Work: the template does not say all that its role allows")


@pytest.mark.parametrize("content", [None, "no JSON", '{"function": "Work"}', "[]"])
def test_what_is_no_record_is_refused(tmp_path: Path, file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)

    code, text = report.report(application_of(tmp_path), file, now_ms=0)

    assert (code, text.startswith(f"{file} is no record of calls: ")) == (2, True)

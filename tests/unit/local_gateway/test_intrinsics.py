"""What the functions give, and where their errors point. Common cases stand in the golden files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_gateway.api import Identity
from local_gateway.errors import TemplateError, UnresolvedValue
from local_gateway.intrinsics import Resolver
from local_gateway.properties import Properties
from local_gateway.tree import NO_VALUE, Place, Value

if TYPE_CHECKING:
    from local_gateway.parameters import ParameterValue

FILE = Path("t.yaml")
PLACE = Place(FILE, "R", "Properties.P")


def resolver(
    resources: dict[str, Any] | None = None,
    conditions: dict[str, Any] | None = None,
    mappings: dict[str, Any] | None = None,
    *,
    region: str = "eu-west-1",
) -> Resolver:
    sections = {
        "Resources": resources or {},
        "Conditions": conditions or {},
        "Mappings": mappings or {},
    }
    parameters: dict[str, ParameterValue] = {"Name": "n", "List": ["a", "b"]}
    return Resolver(FILE, Identity(region=region), sections=sections, parameters=parameters)


def resolver_of(sections: dict[str, dict[str, Any]]) -> Resolver:
    return resolver(sections.get("resources"), sections.get("conditions"), sections.get("mappings"))


def resolve(value: object, **sections: dict[str, Any]) -> object:
    return resolver_of(sections).resolve(cast("Value", value), PLACE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="{$")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
)


@given(JSON)
def test_a_value_without_functions_stays_as_it_is(value: object) -> None:
    assert resolve(value) == value


@given(JSON)
def test_to_json_string_reads_back_by_the_same_value(value: object) -> None:
    text = resolve({"Fn::ToJsonString": [value]})

    assert json.loads(str(text)) == [value]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"Ref": "AWS::StackName"}, "local"),
        ({"Ref": "AWS::NotificationARNs"}, []),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${!Name}-$Name"}, "n-eu-west-1-${Name}-$Name"),
        ({"Fn::Sub": ["${Name}${x}", {"Name": "own", "x": {"Ref": "Name"}}]}, "ownn"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Join": ["", ["a", True, 1, 1.5]]}, "atrue11.5"),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Select": [0, ["a", {"Fn::ImportValue": "x"}]]}, "a"),
        ({"Fn::Split": ["/", "a/b/"]}, ["a", "b", ""]),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::Base64": "é"}, "w6k="),
        ({"Fn::ToJsonString": {"é": [None]}}, '{"é":[null]}'),
        ({"Condition": {"StringEquals": {}}}, {"Condition": {"StringEquals": {}}}),
        ({"Ref": "Name", "Other": 1}, {"Ref": "Name", "Other": 1}),
    ],
)
def test_a_function_gives_this(value: object, expected: object) -> None:
    assert resolve(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nothing"},
        {"Ref": ["Name"]},
        {"Fn::Unknown": 1},
        {"Fn::Equals": ["a", "a"]},
        {"Fn::Sub": ["${Name}"]},
        {"Fn::Sub": ["${Name}", ["x"]]},
        {"Fn::Sub": 5},
        {"Fn::Sub": "${List}"},
        {"Fn::Sub": "${ Name }"},
        {"Fn::Join": ["-"]},
        {"Fn::Join": [1, ["a"]]},
        {"Fn::Join": ["-", "ab"]},
        {"Fn::Join": ["-", [["a"]]]},
        {"Fn::Join": ["-", {"Ref": "AWS::NoValue"}]},
        {"Fn::Select": [2, ["a", "b"]]},
        {"Fn::Select": [-1, ["a", "b"]]},
        {"Fn::Select": ["x", ["a", "b"]]},
        {"Fn::Split": ["", "ab"]},
        {"Fn::GetAtt": "Name.Arn"},
        {"Fn::GetAtt": "Name"},
        {"Fn::If": ["Nothing", 1, 2]},
        {"Fn::If": [{"Ref": "Name"}, 1, 2]},
        {"Fn::FindInMap": ["M", "a", "b"]},
        {"Fn::FindInMap": ["M", "a"]},
        {"Fn::Length": "ab"},
        {"Fn::ToJsonString": "ab"},
        {"Fn::Base64": ["ab"]},
        {"Fn::Cidr": ["10.0.0.0/16", 1, 8]},
        {"Fn::Transform": {"Name": "AWS::Include"}},
    ],
)
def test_a_wrong_function_is_an_error_of_the_template(value: object) -> None:
    with pytest.raises(TemplateError) as caught:
        resolve(value)

    assert str(caught.value).startswith("t.yaml: R.Properties.P")


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::ImportValue": {"Fn::Sub": "${Name}-x"}},
        "{{resolve:ssm:/a:1}}",
        {"Fn::Sub": "{{resolve:secretsmanager:${Name}}}"},
    ],
)
def test_what_stands_elsewhere_is_unresolved(value: object) -> None:
    with pytest.raises(UnresolvedValue):
        resolve(value)


def test_a_mapping_may_have_a_default() -> None:
    mappings = {"M": {"a": {"b": [1]}}}

    found = resolve({"Fn::FindInMap": ["M", "a", "b"]}, mappings=mappings)
    default = resolve(
        {"Fn::FindInMap": ["M", "x", "b", {"DefaultValue": {"Ref": "Name"}}]}, mappings=mappings
    )

    assert (found, default) == ([1], "n")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "Name"}, "n"]}, True),
        ({"Fn::Equals": [1, "1"]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "List"}, ["a", "b"]]}, True),
        ({"Fn::Equals": ["a", "A"]}, False),
        ({"Fn::Not": [{"Condition": "Yes"}]}, False),
        ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "Yes"}]}]}, False),
        ({"Fn::Or": [{"Fn::Not": [{"Condition": "Yes"}]}, {"Condition": "Yes"}]}, True),
    ],
)
def test_a_condition_chooses(condition: object, holds: bool) -> None:  # noqa: FBT001 — parametrized
    conditions = {"Yes": {"Fn::Equals": ["a", "a"]}, "C": condition}

    assert resolve({"Fn::If": ["C", True, False]}, conditions=conditions) is holds


@pytest.mark.parametrize(
    "condition",
    [
        "C",
        True,
        {"Ref": "Name"},
        {"Condition": "C"},
        {"Condition": "Nothing"},
        {"Fn::And": [{"Condition": "Yes"}]},
        {"Fn::Not": {"Condition": "Yes"}},
        {"Fn::Equals": ["a"]},
    ],
)
def test_a_wrong_condition_is_an_error(condition: object) -> None:
    conditions = {"Yes": {"Fn::Equals": ["a", "a"]}, "C": condition}

    with pytest.raises(TemplateError):
        resolve({"Fn::If": ["C", 1, 2]}, conditions=conditions)


RESOURCES: dict[str, Any] = {
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Name}-q"}}},
    "Fifo": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": "true"}},
    "Table": {"Type": "AWS::DynamoDB::Table"},
    "Fn": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f"}},
    "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}},
    "Alias": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"Name": "live", "FunctionName": {"Fn::GetAtt": ["Fn", "Arn"]}},
    },
    "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"LayerName": "deps"}},
    "Ws": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
    "Http": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}},
    "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"StageName": "dev"}},
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b"}},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Role": {"Type": "AWS::IAM::Role"},
    "Policy": {"Type": "AWS::IAM::ManagedPolicy"},
    "Custom": {"Type": "Custom::Thing"},
    "Pool": {"Type": "AWS::Cognito::UserPool"},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Queue"}, "https://sqs.eu-west-1.amazonaws.com/123456789012/n-q"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:eu-west-1:123456789012:n-q"),
        ({"Fn::GetAtt": "Queue.QueueName"}, "n-q"),
        ({"Fn::GetAtt": "Fifo.QueueName"}, "Fifo.fifo"),
        ({"Ref": "Table"}, "Table"),
        ({"Ref": "Fn"}, "f"),
        ({"Fn::GetAtt": "Fn.Arn"}, "arn:aws:lambda:eu-west-1:123456789012:function:f"),
        ({"Ref": "Version"}, "arn:aws:lambda:eu-west-1:123456789012:function:f:1"),
        ({"Fn::GetAtt": "Version.Version"}, "1"),
        ({"Ref": "Alias"}, "arn:aws:lambda:eu-west-1:123456789012:function:f:live"),
        ({"Ref": "Layer"}, "arn:aws:lambda:eu-west-1:123456789012:layer:deps:1"),
        ({"Ref": "Ws"}, "t3z7b97ihc"),
        ({"Fn::GetAtt": "Ws.ApiId"}, "t3z7b97ihc"),
        ({"Fn::GetAtt": "Ws.ApiEndpoint"}, "wss://t3z7b97ihc.execute-api.eu-west-1.amazonaws.com"),
        (
            {"Fn::GetAtt": "Http.ApiEndpoint"},
            "https://umwu0ki7f0.execute-api.eu-west-1.amazonaws.com",
        ),
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Bucket"}, "b"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::b"),
        ({"Ref": "Topic"}, "arn:aws:sns:eu-west-1:123456789012:Topic"),
        ({"Fn::GetAtt": "Topic.TopicName"}, "Topic"),
        ({"Fn::GetAtt": "Role.Arn"}, "arn:aws:iam::123456789012:role/Role"),
        ({"Ref": "Policy"}, "arn:aws:iam::123456789012:policy/Policy"),
        ({"Ref": "Custom"}, "Custom"),
        ({"Fn::GetAtt": "Custom.Arn"}, "arn:aws:thing:eu-west-1:123456789012:thing/Custom"),
        ({"Fn::GetAtt": "Pool.Arn"}, "arn:aws:cognito:eu-west-1:123456789012:userpool/Pool"),
    ],
)
def test_a_resource_gives_values_of_the_shape_of_aws(value: object, expected: str) -> None:
    assert resolve(value, resources=RESOURCES) == expected


@pytest.mark.parametrize(
    "attribute", ["Custom.Answer", "Pool.ProviderName", "Table.Nothing", "Fn.SnapStartResponse"]
)
def test_an_attribute_that_only_aws_knows_is_unresolved(attribute: str) -> None:
    with pytest.raises(UnresolvedValue, match="not known locally"):
        resolve({"Fn::GetAtt": attribute}, resources=RESOURCES)


def test_an_api_id_differs_by_logical_id_alone() -> None:
    here = resolver(RESOURCES, region="eu-west-1").resolve({"Ref": "Ws"}, PLACE)
    there = resolver(RESOURCES, region="us-east-1").resolve({"Ref": "Ws"}, PLACE)
    other = resolver(RESOURCES, region="eu-west-1").resolve({"Ref": "Http"}, PLACE)

    assert here == there
    assert here != other


def properties(values: dict[str, Any], **sections: dict[str, Any]) -> Properties:
    return Properties(values, resolver_of(sections), Place(FILE, "R", "Properties"))


def test_properties_convert_as_cloudformation_does() -> None:
    read = properties({"A": "12", "B": "true", "C": 5, "D": "x", "E": ["y", 1], "F": "False"})

    assert read.integer("A", 0, least=0, most=20) == 12
    assert read.boolean("B") is True
    assert read.boolean("F", default=True) is False
    assert read.boolean("Nothing", default=True) is True
    assert read.text("C") == "5"
    assert (read.texts("D"), read.texts("E"), read.texts("Nothing")) == (("x",), ("y", "1"), ())


def test_properties_that_nobody_reads_need_no_value() -> None:
    unknown = {"Fn::ImportValue": "x"}
    yes = {"Yes": {"Fn::Equals": [1, 1]}}
    chosen = {"Fn::If": ["Yes", {"Known": 1, "Unknown": unknown}, unknown]}
    read = properties({"A": chosen, "B": unknown}, conditions=yes)

    inner = read.mapping("A")

    assert inner is not None
    assert list(inner) == ["Known", "Unknown"]
    assert inner.text("Known") == "1"
    with pytest.raises(UnresolvedValue) as caught:
        inner.text("Unknown")
    assert caught.value.path == "Properties.A.Unknown"


def test_a_property_that_is_no_value_is_not_there() -> None:
    read = properties({"A": {"Ref": "AWS::NoValue"}, "B": [{"Ref": "AWS::NoValue"}, {"C": 1}]})

    assert list(read) == ["B"]
    assert read.mapping("A") is None
    assert [list(one) for one in read.mappings("B")] == [["C"]]


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("mapping", "x"),
        ("mapping", ["x"]),
        ("mappings", "x"),
        ("mappings", ["x"]),
        ("mappings", {"a": 1}),
        ("boolean", "yes"),
        ("text", {"a": 1}),
        ("texts", [["x"]]),
    ],
)
def test_a_property_of_another_kind_is_an_error(method: str, value: object) -> None:
    read = properties({"A": value})

    with pytest.raises(TemplateError) as caught:
        getattr(read, method)("A")

    assert str(caught.value).startswith("t.yaml: R.Properties.A")


@pytest.mark.parametrize("value", ["", "1.5", "x", -1, 11, True, "9" * 30])
def test_an_integer_stays_in_its_limits(value: object) -> None:
    with pytest.raises(TemplateError) as caught:
        properties({"A": value}).optional_integer("A", least=0, most=10)

    assert caught.value.allowed == "0 to 10"

"""The rules of the `Parameters` section; their texts stand in the golden files."""

from pathlib import Path
from typing import Any

import pytest

from local_gateway import parameters
from local_gateway.errors import TemplateError, UnresolvedValue, UnsupportedFeature
from local_gateway.tree import Place

PLACE = Place(Path("t.yaml"), path="Parameters")


def value_of(declared: dict[str, Any], override: str | None = None) -> object:
    overrides = {} if override is None else {"P": override}
    return parameters.read({"P": declared}, overrides, PLACE)["P"]


@pytest.mark.parametrize(
    ("declared", "override", "value"),
    [
        ({"Type": "String", "Default": "a"}, None, "a"),
        ({"Type": "String", "Default": "a"}, "b", "b"),
        ({"Type": "String", "Default": ""}, None, ""),
        ({"Type": "String", "Default": 5}, None, "5"),
        ({"Type": "String", "Default": True}, None, "true"),
        ({"Type": "Number", "Default": 1.5}, None, "1.5"),
        ({"Type": "Number"}, "-3", "-3"),
        ({"Type": "CommaDelimitedList"}, "a, b ,c", ["a", "b", "c"]),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "vpc-1"),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "a,b", ["a", "b"]),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "v", "v"),
        ({"Type": "AWS::SSM::Parameter::Value<List<String>>"}, "a,b", ["a", "b"]),
        ({"Type": "String", "AllowedValues": [1, True]}, "true", "true"),
        ({"Type": "String", "AllowedPattern": "a|bc"}, "bc", "bc"),
        ({"Type": "String", "MinLength": 1, "MaxLength": "3"}, "abc", "abc"),
        ({"Type": "String", "MinLength": 3}, "abc", "abc"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "3", "3"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "1", "1"),
    ],
)
def test_a_parameter_has_this_value(
    declared: dict[str, Any], override: str | None, value: object
) -> None:
    assert value_of(declared, override) == value


@pytest.mark.parametrize(
    ("declared", "override"),
    [
        ({"Type": "String", "AllowedValues": ["a"]}, "A"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "a,c"),
        ({"Type": "String", "AllowedPattern": "a|bc"}, "abc"),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]"}, "a,B"),
        ({"Type": "Number"}, ""),
        ({"Type": "List<Number>"}, "1,x"),
        ({"Type": "Number", "MinValue": 1}, "0"),
        ({"Type": "String", "MinLength": 1}, ""),
        ({"Type": "String", "MaxLength": 2}, "abc"),
        ({"Type": "String", "MaxLength": "two"}, "abc"),
        ({"Type": "String", "Default": ["a"]}, None),
        ({"Default": "a"}, None),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(
    declared: dict[str, Any], override: str | None
) -> None:
    with pytest.raises(TemplateError):
        value_of(declared, override)


def test_a_default_is_held_to_the_rules_too() -> None:
    with pytest.raises(TemplateError, match="no number"):
        value_of({"Type": "Number", "Default": "many"})


def test_a_hidden_value_is_not_printed() -> None:
    with pytest.raises(TemplateError) as caught:
        value_of({"Type": "String", "NoEcho": True, "AllowedPattern": "[0-9]+"}, "s3cret")

    assert "s3cret" not in str(caught.value)


def test_a_pattern_that_python_cant_read_is_not_passed_over() -> None:
    with pytest.raises(UnsupportedFeature, match="no regular expression"):
        value_of({"Type": "String", "AllowedPattern": "\\p{Alpha}"}, "a")


def test_an_ssm_parameter_is_an_error_only_for_its_reader() -> None:
    unknown = value_of({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"})

    assert isinstance(unknown, parameters.Unknown)
    assert isinstance(unknown.error(), UnresolvedValue)

"""Small templates that stand for more than a machine holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway.api import Identity
from local_gateway.budget import Budget
from local_gateway.errors import TemplateError
from local_gateway.intrinsics import Resolver
from local_gateway.template import load
from local_gateway.tree import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.tree import Value

PLACE = Place(Path("t.yaml"), "R", "Properties.P")
TOO_MUCH = "takes more than 500,000 steps"


def resolve(value: Value, resources: dict[str, Any] | None = None) -> object:
    sections: dict[str, Any] = {"Resources": resources or {}, "Conditions": {}, "Mappings": {}}
    budget = Budget(50_000)
    resolver = Resolver(PLACE.file, Identity(), sections=sections, parameters={}, budget=budget)
    return resolver.resolve(value, PLACE)


def nested(depth: int, wrap: Callable[[Value], Value]) -> Value:
    value: Value = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


def sub(text: str, a: Value) -> Value:
    return {"Fn::Sub": [text, {"a": a}]}


@pytest.mark.parametrize(
    "bomb",
    [
        nested(20, partial(sub, "${a}" * 20)),
        sub("${a}" * 100_000, ""),
        nested(30, lambda inner: {"Fn::ToJsonString": {"a": inner, "b": '"'}}),
        nested(
            10,
            lambda inner: {"Fn::Join": [",", {"Fn::Split": [",", sub("${a}," * 20, inner)]}]},
        ),
    ],
    ids=["sub", "empty", "json", "join"],
)
def test_functions_within_functions_end_in_an_error(bomb: Value) -> None:
    with pytest.raises(TemplateError, match=TOO_MUCH):
        resolve(bomb)


def topics(count: int, name: str) -> dict[str, Any]:
    topic: dict[str, Any] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "x"}}
    return {f"R{count}": topic} | {
        f"R{n}": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": name.replace("NEXT", f"R{n + 1}")}},
        }
        for n in range(count)
    }


def test_names_made_of_names_end_in_an_error() -> None:
    with pytest.raises(TemplateError, match=TOO_MUCH):
        resolve({"Fn::Sub": "${R0.TopicName}"}, topics(20, "${NEXT.TopicName}" * 3))


def test_a_long_row_of_names_ends_in_an_error() -> None:
    with pytest.raises(TemplateError, match="depends on more than 50 others in a row"):
        resolve({"Fn::Sub": "${R0.TopicName}"}, topics(400, "${NEXT.TopicName}"))


def test_a_short_one_does_not() -> None:
    assert resolve({"Fn::Sub": "${R0.TopicName}"}, topics(20, "a${NEXT.TopicName}")) == (
        "a" * 20 + "x"
    )


def test_a_loop_over_long_texts_ends_in_an_error(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    items = ", ".join(f"a{n}{'x' * 10_000}" for n in range(200))
    file.write_text(
        "Transform: AWS::LanguageExtensions\n"
        f"Resources:\n  Fn::ForEach::Topics:\n    - X\n    - [{items}]\n    - T${{X}}:\n"
        f"        Type: AWS::SNS::Topic\n        Properties: {{TopicName: '{'${X}' * 1_000}'}}\n"
    )

    with pytest.raises(TemplateError, match=TOO_MUCH):
        load(file, parameters={}, identity=Identity())


def test_one_file_included_again_and_again_ends_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text("a: &a [" + "x," * 1_000 + "]\nb: [" + "*a," * 400 + "]\n")
    include = "{Fn::Transform: {Name: AWS::Include, Parameters: {Location: many.yaml}}}"
    file = tmp_path / "template.yaml"
    file.write_text("Resources:\n" + "".join(f"  R{n}: {include}\n" for n in range(3)))

    with pytest.raises(TemplateError, match=f"^{file}: Resources.R1.Fn::Transform: .*{TOO_MUCH}"):
        load(file, parameters={}, identity=Identity())

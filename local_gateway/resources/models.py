"""`AWS::ApiGatewayV2::Model`, and which of them a route holds messages against."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from local_gateway.api import Model
from local_gateway.routing import compile_expression
from local_gateway.tree import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_KIND: Final = "AWS::ApiGatewayV2::Model"
_NAME: Final = re.compile(r"[A-Za-z0-9]{1,128}")


def read(api: str, declarations: Declarations) -> dict[str, Model]:
    """Return the models of an API by name.

    Raises:
        TemplateError: A name or a schema is wrong.
        UnsupportedFeature: A schema refers to a document elsewhere.
    """
    models: dict[str, Model] = {}
    for logical_id, properties in declarations.of_type(_KIND):
        if properties.text("ApiId") != declarations.id(api):
            continue
        name = properties.text("Name")
        if not _NAME.fullmatch(name):
            raise properties.error("Name", f"is {name!r}", allowed="up to 128 letters and digits")
        if name in models:
            raise properties.error(
                "Name", f"{models[name].logical_id} is a model {name!r} of this API already"
            )
        models[name] = Model(logical_id=logical_id, name=name, schema=_schema(properties))
    return models


def of_route(
    route: Properties, models: Mapping[str, Model], declarations: Declarations
) -> tuple[str | None, Mapping[str, Model]]:
    """Return a route's `ModelSelectionExpression`, and its `RequestModels` by key.

    Raises:
        TemplateError: The expression isn't understood, or a model is none of the API's.
    """
    selection = route.optional_text("ModelSelectionExpression")
    if selection is not None:
        _check_selection(route, selection)
    found: dict[str, Model] = {}
    declared = route.section("RequestModels")
    for key in declared:
        name = declared.text(key)
        model = models.get(name)
        if model is None:
            other = declarations.find(_KIND, name)
            problem = f"is the id of {other}" if other else f"is {name!r}, no model of this API"
            names = ", ".join(models) or "a model's Name, of an AWS::ApiGatewayV2::Model"
            raise declared.error(key, problem, allowed=names)
        found[key.replace("\\$", "$")] = model
    return selection, MappingProxyType(found)


def _check_selection(route: Properties, expression: str) -> None:
    name = "ModelSelectionExpression"
    try:
        compile_expression(expression)
    except ValueError as error:
        raise route.error(
            name,
            f"is {expression!r}, which {error}",
            allowed="$request.body.path, ${request.body.path[0].name}, constants",
        ) from error


def _schema(properties: Properties) -> Mapping[str, Any]:
    schema = properties.value("Schema")
    if isinstance(schema, str):
        try:
            schema = orjson.loads(schema)
        except orjson.JSONDecodeError as error:
            raise properties.error("Schema", f"is no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise properties.error("Schema", f"is {kind_of(schema)}", allowed="a JSON schema (draft 4)")
    from jsonschema import Draft4Validator, SchemaError  # noqa: PLC0415 — 0.1 s if there's a model

    document = cast("dict[str, Any]", schema)
    try:
        Draft4Validator.check_schema(document)
    except SchemaError as error:
        where = ".".join(("Schema", *(str(part) for part in error.absolute_path)))
        raise properties.error(where, f"is no JSON schema (draft 4): {error.message}") from error
    for reference in _references(document):
        if not reference.startswith("#"):
            raise properties.unsupported(
                "Schema", f"refers to {reference!r}", allowed="references to parts of itself"
            )
    return document


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            if key == "$ref" and isinstance(inner, str):
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _references(inner)

"""`AWS::DynamoDB::Table`: what `CreateTable` and `UpdateTimeToLive` are called with.

Encryption, backups, tags and table classes leave no trace in what a function reads or writes, and
are left out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from local_gateway.api import Table

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_MOST_UNITS: Final = 1_000_000


def read(declarations: Declarations) -> dict[str, Table]:
    """Return the tables by logical id.

    Raises:
        TemplateError: A key, an index or the throughput is wrong or missing.
    """
    return {
        logical_id: Table(
            logical_id=logical_id,
            name=declarations.name(logical_id),
            arn=declarations.arn(logical_id),
            create=MappingProxyType(_arguments(logical_id, properties, declarations)),
            ttl_attribute=_ttl_attribute(properties),
        )
        for logical_id, properties in declarations.of_type("AWS::DynamoDB::Table")
    }


def _arguments(
    logical_id: str, properties: Properties, declarations: Declarations
) -> dict[str, Any]:
    attributes = [
        {
            "AttributeName": one.text("AttributeName"),
            "AttributeType": one.choice("AttributeType", ("S", "N", "B")),
        }
        for one in properties.mappings("AttributeDefinitions")
    ]
    names = [attribute["AttributeName"] for attribute in attributes]
    mode = properties.choice("BillingMode", ("PROVISIONED", "PAY_PER_REQUEST"), "PROVISIONED")
    is_provisioned = mode == "PROVISIONED"
    arguments: dict[str, Any] = {
        "TableName": declarations.name(logical_id),
        "AttributeDefinitions": attributes,
        "KeySchema": _key_schema(properties, names),
        "BillingMode": mode,
    }
    if is_provisioned:
        arguments["ProvisionedThroughput"] = _throughput(properties)
    for kind, is_global in (("GlobalSecondaryIndexes", True), ("LocalSecondaryIndexes", False)):
        indexes = [
            _index(one, names, is_provisioned=is_provisioned and is_global)
            for one in properties.mappings(kind)
        ]
        if indexes:
            arguments[kind] = indexes
    stream = properties.mapping("StreamSpecification")
    if stream is not None:
        arguments["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": stream.text("StreamViewType"),
        }
    return arguments


def _key_schema(properties: Properties, names: list[str]) -> list[dict[str, str]]:
    schema: list[dict[str, str]] = []
    for one in properties.mappings("KeySchema"):
        name = one.text("AttributeName")
        if name not in names:
            raise one.error(
                "AttributeName",
                f"is {name!r}, which AttributeDefinitions doesn't have",
                allowed=", ".join(names) or None,
            )
        schema.append({"AttributeName": name, "KeyType": one.choice("KeyType", ("HASH", "RANGE"))})
    if not schema:
        raise properties.error("KeySchema", "is missing")
    return schema


def _index(properties: Properties, names: list[str], *, is_provisioned: bool) -> dict[str, Any]:
    projection = properties.mapping("Projection")
    if projection is None:
        raise properties.error("Projection", "is missing")
    projected: dict[str, Any] = {
        "ProjectionType": projection.choice(
            "ProjectionType", ("ALL", "KEYS_ONLY", "INCLUDE"), "ALL"
        )
    }
    if attributes := projection.texts("NonKeyAttributes"):
        projected["NonKeyAttributes"] = list(attributes)
    index: dict[str, Any] = {
        "IndexName": properties.text("IndexName"),
        "KeySchema": _key_schema(properties, names),
        "Projection": projected,
    }
    if is_provisioned:
        index["ProvisionedThroughput"] = _throughput(properties)
    return index


def _throughput(properties: Properties) -> dict[str, int]:
    units = properties.mapping("ProvisionedThroughput")
    if units is None:
        raise properties.error(
            "ProvisionedThroughput", "is missing, with BillingMode PROVISIONED (the default)"
        )
    return {
        name: units.integer(name, 1, least=1, most=_MOST_UNITS)
        for name in ("ReadCapacityUnits", "WriteCapacityUnits")
    }


def _ttl_attribute(properties: Properties) -> str | None:
    specification = properties.mapping("TimeToLiveSpecification")
    if specification is None or not specification.boolean("Enabled"):
        return None
    return specification.text("AttributeName")

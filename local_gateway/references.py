"""What `Ref` and `Fn::GetAtt` give for a resource: values of the shape that AWS would give.

Names are those of the template, else the logical id (AWS appends random characters); ids are
derived from the logical id, so that they are the same at every start. What the emulator doesn't run
still gets a plausible name and ARN; any other attribute of it is unknown, and an error when read.
The shapes are those of the CloudFormation reference, "Return values" of each resource type.
"""

from __future__ import annotations

import hashlib
import string
from typing import TYPE_CHECKING, Final

from local_gateway.tree import Place, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.intrinsics import Resolver

_ALPHABET: Final = string.digits + string.ascii_lowercase

_NAME_PROPERTIES: Final[Mapping[str, str]] = {
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::ApiGateway::Stage": "StageName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Alias": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Where a type keeps its name; `Ref` gives the name unless `_REFS` says otherwise."""

_RESOURCE_PARTS: Final[Mapping[str, str]] = {
    "AWS::CloudWatch::Alarm": "cloudwatch:alarm:{name}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:table/{name}",
    "AWS::DynamoDB::Table": "dynamodb:table/{name}",
    "AWS::Events::EventBus": "events:event-bus/{name}",
    "AWS::Events::Rule": "events:rule/{name}",
    "AWS::Kinesis::Stream": "kinesis:stream/{name}",
    "AWS::KMS::Key": "kms:key/{name}",
    "AWS::Lambda::Function": "lambda:function:{name}",
    "AWS::Lambda::LayerVersion": "lambda:layer:{name}:1",
    "AWS::Logs::LogGroup": "logs:log-group:{name}:*",
    "AWS::Scheduler::Schedule": "scheduler:schedule/default/{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:secret:{name}-local1",
    "AWS::SNS::Topic": "sns:{name}",
    "AWS::SQS::Queue": "sqs:{name}",
    "AWS::StepFunctions::StateMachine": "states:stateMachine:{name}",
}
"""Service and resource part of a type's ARN."""

_ARN_IS_REF: Final = frozenset(
    {
        "AWS::CertificateManager::Certificate",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::LayerVersion",
        "AWS::SecretsManager::Secret",
        "AWS::SNS::Topic",
        "AWS::StepFunctions::StateMachine",
    }
)
_IDS: Final[Mapping[str, int]] = {
    "AWS::ApiGateway::ApiKey": 10,
    "AWS::ApiGateway::RestApi": 10,
    "AWS::ApiGateway::UsagePlan": 6,
    "AWS::ApiGateway::UsagePlanKey": 10,
    "AWS::ApiGatewayV2::Api": 10,
    "AWS::ApiGatewayV2::ApiMapping": 6,
    "AWS::ApiGatewayV2::Authorizer": 6,
    "AWS::ApiGatewayV2::Deployment": 6,
    "AWS::ApiGatewayV2::Integration": 7,
    "AWS::ApiGatewayV2::Model": 6,
    "AWS::ApiGatewayV2::Route": 7,
    "AWS::ApiGatewayV2::RouteResponse": 7,
}
"""Types whose `Ref` is an id that the service chose, and its length."""

_ARN_ATTRIBUTES: Final = frozenset(
    {"Arn", "LayerVersionArn", "TopicArn", "AliasArn", "FunctionArn", "PolicyArn"}
)


def stable_id(text: str, length: int = 10) -> str:
    """Return an id as API Gateway's: lower-case letters and digits, always the same for `text`."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    characters: list[str] = []
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)


class References:
    """The values of one template's resources; `Resolver` asks, and is asked for their names."""

    def __init__(self, resolver: Resolver) -> None:
        """Take what resolves the properties that hold names."""
        self._resolver = resolver
        self._identity = resolver.identity
        self._attributes: Mapping[tuple[str, str], Callable[[str, str, Place], Value]] = {
            ("AWS::ApiGateway::ApiKey", "APIKeyId"): self._id,
            ("AWS::ApiGateway::UsagePlan", "Id"): self._id,
            ("AWS::ApiGateway::UsagePlanKey", "Id"): self._id,
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint"): self._api_endpoint,
            ("AWS::DynamoDB::Table", "StreamArn"): self._stream_arn,
            ("AWS::DynamoDB::GlobalTable", "StreamArn"): self._stream_arn,
            ("AWS::Lambda::Version", "Version"): _version,
            ("AWS::SSM::Parameter", "Value"): self._parameter_value,
        }

    def ref(self, logical_id: str, place: Place) -> Value:
        """Return what `Ref` gives for a resource that is there."""
        kind = self._kind(logical_id, place)
        if kind in _IDS:
            return stable_id(logical_id, _IDS[kind])
        if kind == "AWS::SQS::Queue":
            return self.queue_url(self.name(logical_id, place))
        if kind in {"AWS::Lambda::Version", "AWS::Lambda::Alias"}:
            return self._qualified(logical_id, kind, place)
        if kind in _ARN_IS_REF:
            return self.arn(logical_id, place)
        return self.name(logical_id, place)

    def attribute(self, logical_id: str, attribute: str, place: Place) -> Value:
        """Return what `Fn::GetAtt` gives.

        Raises:
            UnresolvedValue: It is an attribute that only AWS knows.
        """
        kind = self._kind(logical_id, place)
        if compute := self._attributes.get((kind, attribute)):
            return compute(logical_id, attribute, place)
        if kind in {"AWS::Lambda::Version", "AWS::Lambda::Alias"} and attribute.endswith("Arn"):
            return self._qualified(logical_id, kind, place)
        if attribute in _ARN_ATTRIBUTES:
            return self.arn(logical_id, place)
        # ApiId, QueueUrl, QueueName and others of their kind repeat what Ref, or the name, is.
        is_id = kind in _IDS and attribute in {f"{kind.rpartition('::')[2]}Id", "RestApiId"}
        if is_id or (attribute == "QueueUrl" and kind == "AWS::SQS::Queue"):
            return self.ref(logical_id, place)
        if attribute == _NAME_PROPERTIES.get(kind):
            return self.name(logical_id, place)
        return self._resolver.imports.attribute(logical_id, attribute, kind, place)

    def name(self, logical_id: str, place: Place) -> str:
        """Return the name that the template gives, else the logical id."""
        kind = self._kind(logical_id, place)
        properties = self._properties(logical_id)
        at = Place(place.file, logical_id, "Properties").at(_NAME_PROPERTIES.get(kind, "Name"))
        given = properties.get(_NAME_PROPERTIES.get(kind, ""))
        if given is not None:
            with self._resolver.visiting(f"the name of {logical_id}", at):
                resolved = self._resolver.resolve(given, at)
                if isinstance(resolved, str | int | float):
                    return self._resolver.text(resolved, at)
        if kind == "AWS::SQS::Queue" and properties.get("FifoQueue") is not None:
            fifo = self._resolver.resolve(properties["FifoQueue"], at)
            return f"{logical_id}.fifo" if fifo in (True, "true") else logical_id
        return logical_id

    def arn(self, logical_id: str, place: Place) -> str:
        """Return the resource's ARN; of a type that isn't known here, a plausible one."""
        kind = self._kind(logical_id, place)
        name = self.name(logical_id, place)
        partition = self._identity.partition
        if kind.startswith("AWS::IAM::"):
            what = {"ManagedPolicy": "policy"}.get(kind.rpartition("::")[2])
            what = what or kind.rpartition("::")[2].lower()
            return f"arn:{partition}:iam::{self._identity.account_id}:{what}/{name}"
        if kind == "AWS::S3::Bucket":
            return f"arn:{partition}:s3:::{name}"
        if kind in _RESOURCE_PARTS:
            return self.arn_of(_RESOURCE_PARTS[kind].format(name=name))
        parts = kind.lower().split("::")
        return self.arn_of(f"{parts[1] if len(parts) > 1 else 'custom'}:{parts[-1]}/{name}")

    def arn_of(self, service_and_resource: str) -> str:
        """Return the ARN of `service:resource` in this account and region."""
        service, _, resource = service_and_resource.partition(":")
        me = self._identity
        return f"arn:{me.partition}:{service}:{me.region}:{me.account_id}:{resource}"

    def queue_url(self, name: str) -> str:
        """Return the URL of the queue with this name."""
        me = self._identity
        return f"https://sqs.{me.region}.amazonaws.com/{me.account_id}/{name}"

    def _kind(self, logical_id: str, place: Place) -> str:
        resource = self._resolver.resources[logical_id]
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if not isinstance(kind, str):
            raise Place(place.file, logical_id, "Type").error("is missing")
        return kind

    def _properties(self, logical_id: str) -> Mapping[str, Value]:
        resource = self._resolver.resources[logical_id]
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        return properties if isinstance(properties, dict) else {}

    def _qualified(self, logical_id: str, kind: str, place: Place) -> str:
        """Return the ARN of a function's version or alias."""
        at = Place(place.file, logical_id, "Properties.FunctionName")
        function = self._resolver.text(self._properties(logical_id).get("FunctionName"), at)
        arn = (
            function if function.startswith("arn:") else self.arn_of(f"lambda:function:{function}")
        )
        return f"{arn}:{'1' if kind == 'AWS::Lambda::Version' else self.name(logical_id, place)}"

    def _id(self, logical_id: str, _attribute: str, place: Place) -> Value:
        return self.ref(logical_id, place)

    def _api_endpoint(self, logical_id: str, _attribute: str, place: Place) -> str:
        at = Place(place.file, logical_id, "Properties.ProtocolType")
        protocol = self._resolver.text(self._properties(logical_id).get("ProtocolType", "HTTP"), at)
        scheme = "wss" if protocol == "WEBSOCKET" else "https"
        host = f"{stable_id(logical_id)}.execute-api.{self._identity.region}.amazonaws.com"
        return f"{scheme}://{host}"

    def _stream_arn(self, logical_id: str, _attribute: str, place: Place) -> str:
        return f"{self.arn(logical_id, place)}/stream/2026-01-01T00:00:00.000"

    def _parameter_value(self, logical_id: str, _attribute: str, place: Place) -> str:
        at = Place(place.file, logical_id, "Properties.Value")
        return self._resolver.text(self._properties(logical_id).get("Value"), at)


def _version(_logical_id: str, _attribute: str, _place: Place) -> str:
    return "1"

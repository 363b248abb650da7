"""`AWS` with a service: an action of the embedded SQS or DynamoDB.

DynamoDB takes the JSON of the request as it stands. SQS takes a form, as its query protocol is
spoken; what it answers is JSON in the shape of its XML, as API Gateway makes it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import orjson

from local_gateway.integration import NotInvocable
from local_gateway.integrations.backend import BackendRequest, BackendResponse
from local_gateway.integrations.http_client import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import CustomIntegration, ServiceAction
    from local_gateway.integration import IntegrationError
    from local_gateway.integrations.backend import Settle
    from local_gateway.integrations.http_client import HttpClient

_TARGETS: Final = {"sqs": "AmazonSQS", "dynamodb": "DynamoDB_20120810"}
_SEND: Final = "SendMessage"
_ATTRIBUTE: Final = re.compile(r"MessageAttribute\.(?P<number>\d+)\.(?P<part>Name|Value\.\w+)")
_PLAIN: Final = ("MessageBody", "MessageGroupId", "MessageDeduplicationId")
_RESULTS: Final = (
    "MD5OfMessageAttributes",
    "MD5OfMessageBody",
    "MD5OfMessageSystemAttributes",
    "MessageId",
    "SequenceNumber",
)
_OK: Final = range(200, 300)


class ServiceBackend:
    """One action of one service."""

    __slots__ = ("_action", "_client", "_endpoint", "_region", "_timeout_ms")

    def __init__(
        self,
        client: HttpClient,
        endpoint: Callable[[], str],
        region: str,
        integration: CustomIntegration,
        action: ServiceAction,
    ) -> None:
        """Take where the services are, which is known once they have started."""
        self._client = client
        self._endpoint = endpoint
        self._region = region
        self._timeout_ms = integration.timeout_ms
        self._action = action

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """See `Backend`."""
        if self._action.service == "dynamodb":
            self._call(str(self._action.action), request.body.encode(), settle)
            return
        form = dict([*parse_qsl(request.body), *request.parameters.query])
        action = form.get("Action", self._action.action or _SEND)
        if action != _SEND:
            settle(NotInvocable(f"of SQS, only {_SEND} can be called here, not {action!r}"))
            return
        form.setdefault("QueueUrl", self._action.queue_url or "")

        def shape(outcome: BackendResponse | IntegrationError) -> None:
            settle(_shaped(outcome) if isinstance(outcome, BackendResponse) else outcome)

        self._call(_SEND, orjson.dumps(_arguments(form)), shape)

    def _call(self, action: str, body: bytes, settle: Settle) -> None:
        service = self._action.service
        credential = f"local/20260101/{self._region}/{service}/aws4_request"
        headers = [
            ("X-Amz-Target", f"{_TARGETS[service]}.{action}"),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Authorization", f"AWS4-HMAC-SHA256 Credential={credential}, Signature=0"),
        ]
        self._client.send(
            HttpRequest("POST", f"{self._endpoint()}/", headers, body, self._timeout_ms), settle
        )


def _arguments(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of SendMessage that a form gives."""
    arguments: dict[str, Any] = {"QueueUrl": form["QueueUrl"]}
    arguments |= {name: form[name] for name in _PLAIN if name in form}
    if form.get("DelaySeconds", "").isdecimal():
        arguments["DelaySeconds"] = int(form["DelaySeconds"])
    by_number: dict[str, dict[str, str]] = {}
    for key, value in form.items():
        if match := _ATTRIBUTE.fullmatch(key):
            part = match["part"].removeprefix("Value.")
            by_number.setdefault(match["number"], {})[part] = value
    if by_number:
        arguments["MessageAttributes"] = {
            parts.pop("Name", number): parts for number, parts in by_number.items()
        }
    return arguments


def _shaped(response: BackendResponse) -> BackendResponse:
    """Write the answer of SendMessage as API Gateway does."""
    try:
        answer: dict[str, Any] = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return response
    shaped: dict[str, Any]
    if response.status in _OK:
        shaped = {
            "SendMessageResponse": {
                "ResponseMetadata": {
                    "RequestId": (response.headers.get("x-amzn-requestid") or [None])[-1]
                },
                "SendMessageResult": {name: answer.get(name) for name in _RESULTS},
            }
        }
    else:
        code = str(answer.get("__type", "")).rpartition("#")[2]
        shaped = {"Error": {"Code": code, "Message": answer.get("message"), "Type": "Sender"}}
    return response._replace(body=orjson.dumps(shaped))

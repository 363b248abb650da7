"""`AWS` integrations that call a service instead of a function: SQS and DynamoDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway.api import ServiceAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_SERVICE: Final = re.compile(
    r"arn:[^:]*:apigateway:[^:]*:(?P<service>[^:]+):(?P<kind>action|path)/(?P<rest>.+)"
)
_SEND: Final = "SendMessage"
_ACTION: Final = re.compile(r"(?:^\s*|&)Action=(?P<action>\w+)")
"""An action that a template writes as it stands, of a form."""
_ACTION_PARAMETER: Final = "integration.request.querystring.Action"
_QUEUE, _TABLE = "AWS::SQS::Queue", "AWS::DynamoDB::Table"
_ALLOWED: Final = (
    "the ARN of a function of this template, sqs:path/ACCOUNT/QUEUE or sqs:action/SendMessage of "
    "one of its queues, dynamodb:action/ACTION if it has tables"
)


def read(properties: Properties, name: str, declarations: Declarations) -> ServiceAction | None:
    """Return the action that a URI calls, None if it calls a function.

    Raises:
        UnsupportedFeature: The service isn't embedded here, or the template has nothing of it.
    """
    uri = _SERVICE.fullmatch(properties.text(name))
    if uri is None or uri["service"] == "lambda":
        return None
    service, kind, rest = uri["service"], uri["kind"], uri["rest"]
    if service == "dynamodb" and kind == "action" and any(declarations.of_type(_TABLE)):
        return ServiceAction(service="dynamodb", action=rest)
    if service == "sqs" and kind == "path":
        queue = _find_queue(rest.rpartition("/")[2], declarations)
        if queue is not None:
            return ServiceAction(service="sqs", queue_url=declarations.id(queue))
    is_send = (service, kind, rest) == ("sqs", "action", _SEND)
    if is_send and any(declarations.of_type(_QUEUE)):
        return ServiceAction(service="sqs", action=rest)
    raise properties.unsupported(name, f"calls {service} ({kind}/{rest})", allowed=_ALLOWED)


def check_queue_actions(
    properties: Properties, templates: Mapping[str, str], parameters: Mapping[str, str]
) -> None:
    """Refuse actions of SQS that can't be called here, as far as they stand in the template.

    Raises:
        UnsupportedFeature: There is one.
    """
    for key, text in templates.items():
        for match in _ACTION.finditer(text):
            if match["action"] != _SEND:
                raise properties.section("RequestTemplates").unsupported(
                    key, f"calls {match['action']} of SQS", allowed=_SEND
                )
    given = parameters.get(_ACTION_PARAMETER, "'SendMessage'")
    if given.startswith("'") and given != f"'{_SEND}'":
        raise properties.section("RequestParameters").unsupported(
            _ACTION_PARAMETER, f"is {given}, an action of SQS", allowed=f"'{_SEND}'"
        )


def _find_queue(queue_name: str, declarations: Declarations) -> str | None:
    return next(
        (
            logical_id
            for logical_id, _ in declarations.of_type(_QUEUE)
            if declarations.name(logical_id) == queue_name
        ),
        None,
    )

"""Non-proxy integrations: a template writes the request, another one the answer.

`AWS`, `HTTP` and `MOCK` differ in their back-ends alone. A call is settled with status 200 if some
integration response takes the back-end's answer, whatever the back-end's status: that is what a
`$connect` is accepted by. Where the text that it writes is an object with a `statusCode`, that is
the status. A one-way route has no integration response selected (INTEGRATION-20).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from local_gateway.integration import (
    IntegrationError,
    NoIntegrationResponse,
    ProxyResponse,
    TemplateFailed,
    UnsupportedMediaType,
)
from local_gateway.integrations.backend import BackendRequest, BackendResponse
from local_gateway.integrations.mapping import ParameterMapping
from local_gateway.integrations.responses import Responses
from local_gateway.integrations.selection import Selection
from local_gateway.integrations.templates import compile_templates
from local_gateway.integrations.variables import Payload, variables
from local_gateway.velocity.values import VelocityError

if TYPE_CHECKING:
    from local_gateway.api import CustomIntegration
    from local_gateway.assumptions import Assumptions
    from local_gateway.integration import Call
    from local_gateway.integrations.backend import Backend
    from local_gateway.integrations.variables import Event

_OK = 200
_STATUSES = range(200, 600)


class CustomTarget:
    """One non-proxy integration."""

    __slots__ = (
        "_backend",
        "_has_statuses",
        "_ignores_unmatched",
        "_parameters",
        "_request",
        "_responses",
        "timeout_ms",
    )

    def __init__(
        self,
        integration: CustomIntegration,
        backend: Backend,
        *,
        is_answered: bool,
        assumptions: Assumptions,
    ) -> None:
        """Compile; everything was understood when the template was read.

        `is_answered` says whether anybody gets what the back-end answers.
        """
        self._backend = backend
        by_content_type = assumptions.template_key == "content-type"
        self._request = _RequestBody(integration, by_content_type=by_content_type)
        self._parameters = ParameterMapping(integration.parameters)
        self._responses = (
            Responses(integration.responses, by_content_type=by_content_type)
            if is_answered
            else None
        )
        self._has_statuses = assumptions.connect_status_code == "status"
        self._ignores_unmatched = assumptions.unmatched_response == "nothing"
        self.timeout_ms = integration.timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        event: Event = orjson.loads(call.write_event())
        payload = Payload(event.get("body") or "")

        def settle(outcome: BackendResponse | IntegrationError) -> None:
            if isinstance(outcome, IntegrationError):
                call.fail(outcome)
                return
            if self._responses is None:
                call.settle(ProxyResponse(_OK))
                return
            try:
                text = self._responses.write(event, payload, outcome)
            except NoIntegrationResponse as error:
                if self._ignores_unmatched and call.text is not None:
                    call.settle(ProxyResponse(_OK))
                else:
                    call.fail(error)
            except IntegrationError as error:
                call.fail(error)
            else:
                call.settle(ProxyResponse(_status(text) if self._has_statuses else _OK, text))

        try:
            body = self._request.write(event, payload)
        except IntegrationError as error:
            call.fail(error)
            return
        parameters = self._parameters.apply(event, payload)
        self._backend.send(BackendRequest(event, body, parameters), settle)


class _RequestBody:
    """What a message becomes for the back-end: `RequestTemplates` and `PassthroughBehavior`."""

    __slots__ = ("_passes_unmatched", "_passes_untemplated", "_selection", "_templates")

    def __init__(self, integration: CustomIntegration, *, by_content_type: bool) -> None:
        self._selection = Selection(integration.template_selection)
        self._templates = compile_templates(
            integration.templates,
            by_content_type=by_content_type and not integration.template_selection,
        )
        self._passes_unmatched = integration.passthrough == "WHEN_NO_MATCH"
        self._passes_untemplated = integration.passthrough != "NEVER"

    def write(self, event: Event, payload: Payload) -> str:
        key = self._selection.select(payload) if self._templates else ""
        template = self._templates.get(key)
        if template is not None:
            try:
                return template.render(variables(event, payload))
            except VelocityError as error:
                raise TemplateFailed(f"the request template {key} failed: {error}") from error
        passes = self._passes_unmatched if self._templates else self._passes_untemplated
        if not passes:
            raise UnsupportedMediaType(f"PassthroughBehavior, and no request template {key!r}")
        return payload.text


def _status(text: str) -> int:
    if not text.lstrip().startswith("{"):
        return _OK
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _OK
    status = cast("dict[str, object]", value).get("statusCode")
    return status if isinstance(status, int) and status in _STATUSES else _OK

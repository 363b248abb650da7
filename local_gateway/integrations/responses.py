"""Integration responses: which of them a back-end's answer selects, and what it makes of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from local_gateway.integration import NoIntegrationResponse, TemplateFailed
from local_gateway.integrations.selection import DEFAULT, Selection
from local_gateway.integrations.templates import compile_templates
from local_gateway.integrations.variables import Payload, variables
from local_gateway.regexes import Pattern, PatternTooSlow, compile_pattern, matches_whole
from local_gateway.velocity.values import VelocityError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_gateway.api import IntegrationResponse
    from local_gateway.integrations.backend import BackendResponse
    from local_gateway.integrations.variables import Event

_REGEX_END: Final = "/"


class Responses:
    """The integration responses of one integration, compiled."""

    __slots__ = ("_default", "_keyed")

    def __init__(self, responses: Iterable[IntegrationResponse], *, by_content_type: bool) -> None:
        """Compile; keys and templates were understood when the template was read."""
        self._default: _Response | None = None
        self._keyed: list[tuple[str | Pattern, _Response]] = []
        for response in responses:
            if response.key == DEFAULT:
                self._default = _Response(response, by_content_type=by_content_type)
            else:
                compiled = _Response(response, by_content_type=by_content_type)
                self._keyed.append((_selector(response.key), compiled))

    def write(self, event: Event, payload: Payload, answer: BackendResponse) -> str:
        """Return the text for the client.

        Raises:
            NoIntegrationResponse: None of them is for such an answer.
            TemplateFailed: The template of the one that is can't be evaluated, or a key took too
                long.
        """
        for key, response in self._keyed:
            if _is_for(key, answer.selector):
                return response.write(event, payload, answer)
        if self._default is None:
            raise NoIntegrationResponse(
                f"no integration response is for {answer.selector!r}, and none has the key $default"
            )
        return self._default.write(event, payload, answer)


class _Response:
    """One integration response, compiled."""

    __slots__ = ("_is_binary", "_selection", "_templates")

    def __init__(self, response: IntegrationResponse, *, by_content_type: bool) -> None:
        self._selection = Selection(response.template_selection, of_response=True)
        self._templates = compile_templates(
            response.templates,
            by_content_type=by_content_type and not response.template_selection,
        )
        self._is_binary = response.is_binary

    def write(self, event: Event, payload: Payload, answer: BackendResponse) -> str:
        body = (
            base64.b64encode(answer.body).decode()
            if self._is_binary
            else answer.body.decode(errors="replace")
        )
        if not self._templates:
            return body
        template = self._templates.get(self._selection.select(payload, answer))
        if template is None:
            return body
        try:
            return template.render(variables(event, Payload(body)))
        except VelocityError as error:
            raise TemplateFailed(f"a response template failed: {error}") from error


def _selector(key: str) -> str | Pattern:
    is_regex = len(key) > 1 and key.startswith(_REGEX_END) and key.endswith(_REGEX_END)
    return compile_pattern(key[1:-1]) if is_regex else key


def _is_for(key: str | Pattern, selector: str) -> bool:
    if isinstance(key, str):
        return key == selector
    try:
        return matches_whole(key, selector)
    except PatternTooSlow as slow:
        raise TemplateFailed(f"an integration response can't be selected: {slow}") from slow

"""What a request has to be before its integration sees it: models and required parameters.

Developer guide, "Request validation for WebSocket APIs". Each check stands as a target in front of
the integration's, and only where a route asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from local_gateway.integration import InvalidRequestBody, MissingParameters, ProxyResponse
from local_gateway.regexes import PatternTooSlow
from local_gateway.routing import DEFAULT, compile_expression, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

    from local_gateway.api import Model, Route
    from local_gateway.integration import Call, Target

_MAPS = {"querystring": "queryStringParameters", "header": "headers"}
_TIMEOUT_MS = 29_000


class ValidatingTarget:
    """Lets a message through that its model allows."""

    __slots__ = ("_models", "_parts", "_target", "timeout_ms")

    def __init__(self, target: Target, route: Route) -> None:
        """Compile the route's models."""
        self._target = target
        self._parts = compile_expression(route.model_selection or "\\$default")
        self._models = {key: _validator(model) for key, model in route.models.items()}
        self.timeout_ms = target.timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        text = call.text or ""
        key = evaluate(self._parts, text)
        validator = self._models.get(key or DEFAULT) or self._models.get(DEFAULT)
        if validator is None:
            call.fail(InvalidRequestBody(f"no model has the key {key!r}, and none $default"))
            return
        problem = _problem(validator, text)
        if problem is None:
            self._target.begin(call)
        else:
            call.fail(InvalidRequestBody(problem))


class RequiringTarget:
    """Lets a handshake through that has the parameters that its route requires."""

    __slots__ = ("_required", "_target", "timeout_ms")

    def __init__(self, target: Target | None, required: list[str]) -> None:
        """Take the parameters, such as `route.request.header.x`; no target accepts."""
        self._target = target
        self._required = [tuple(name.split(".", 3)[2:]) for name in required]
        self.timeout_ms = _TIMEOUT_MS if target is None else target.timeout_ms

    def begin(self, call: Call) -> None:
        """See `Target`."""
        event: dict[str, Any] = orjson.loads(call.write_event())
        missing = [name for kind, name in self._required if not _has(event, kind, name)]
        if missing:
            call.fail(MissingParameters(missing))
        elif self._target is None:
            call.settle(ProxyResponse(200))
        else:
            self._target.begin(call)


def required_parameters(route: Route) -> list[str]:
    """Return the parameters that a route requires."""
    return [name for name, is_required in route.request_parameters.items() if is_required]


def _has(event: Mapping[str, Any], kind: str, name: str) -> bool:
    values: Mapping[str, str] = event.get(_MAPS[kind]) or {}
    if kind == "header":
        return any(key.lower() == name.lower() for key in values)
    return name in values


def _validator(model: Model) -> Validator:
    from local_gateway.schemas import validator  # noqa: PLC0415 — 0.1 s that templates without it save

    return validator(model.schema)


def _problem(validator: Validator, text: str) -> str | None:
    """Return what is wrong with a message, for the developer."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"the message isn't JSON: {error}"
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except PatternTooSlow as slow:
        return str(slow)
    return None if error is None else f"{error.json_path}: {error.message}"

"""Mapping templates: compiled once, rendered for each request."""

# airspeed has no types.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import airspeed

from local_gateway.velocity.grammar import FAMILY, Output
from local_gateway.velocity.values import VelocityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.velocity.values import Value

MAX_TEMPLATE_BYTES: Final = 300_000
"""API Gateway quotas, "Mapping template size"."""


class Template:
    """A compiled mapping template."""

    __slots__ = ("_body",)

    def __init__(self, text: str) -> None:
        """Compile.

        Raises:
            ValueError: It isn't understood, is too long, or uses a directive that isn't supported;
                with the rest of a sentence that began with the template.
        """
        if len(text.encode()) > MAX_TEMPLATE_BYTES:
            raise ValueError(f"is longer than {MAX_TEMPLATE_BYTES} bytes")
        try:
            self._body: airspeed.TemplateBody = FAMILY.make(airspeed.TemplateBody, "", text)
        except airspeed.TemplateSyntaxError as error:
            problem = str(error).removesuffix(" ...")
            raise ValueError(f"isn't understood: {problem}") from error
        except RecursionError as error:
            raise ValueError("nests too deeply") from error

    def render(self, variables: Mapping[str, Value]) -> str:
        """Evaluate with these variables, and return what it writes.

        Raises:
            VelocityError: An expression failed, or the output grew too long.
        """
        output = Output()
        try:
            self._body.evaluate(output, dict(variables), None)
        except airspeed.TemplateExecutionError as error:
            cause = error.__cause__
            raise VelocityError(str(cause) or type(cause).__name__) from error
        except RecursionError as error:
            raise VelocityError("the template nests too deeply") from error
        return output.getvalue()

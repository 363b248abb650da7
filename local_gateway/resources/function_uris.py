"""URIs that name a function, by a stage variable perhaps: another one on each stage."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from local_gateway.resources.integrations import function_of
from local_gateway.stage_variables import replace_stage_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties


def read(
    properties: Properties, name: str, stages: Mapping[str, Stage], declarations: Declarations
) -> tuple[str, Mapping[str, str]]:
    """Return the function that most stages call, and those of the stages that call another.

    Raises:
        TemplateError: A stage lacks the variable.
        UnsupportedFeature: It is no function of this template.
    """
    by_stage = {
        stage.name: function_of(properties, name, on_stage(properties, name, stage), declarations)
        for stage in stages.values()
    }
    first = next(iter(by_stage.values()))
    others = {stage: function for stage, function in by_stage.items() if function != first}
    return first, MappingProxyType(others)


def on_stage(properties: Properties, name: str, stage: Stage) -> str:
    """Return a URI with the stage's variables in it.

    Raises:
        TemplateError: The stage lacks one.
    """
    uri = properties.text(name)
    try:
        return replace_stage_variables(uri, stage.variables)
    except KeyError as error:
        raise properties.error(
            name, f"is {uri!r}, and the stage {stage.name} has no variable {error.args[0]!r}"
        ) from error

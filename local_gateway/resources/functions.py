"""`AWS::Lambda::Function` and its layers (CloudFormation reference of both types)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import Function
from local_gateway.errors import UnresolvedValue, UnsupportedFeature
from local_gateway.lambdas.runtimes import SUPPORTED, is_supported
from local_gateway.resources import code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_KIND: Final = "AWS::Lambda::Function"
_LAYER: Final = "AWS::Lambda::LayerVersion"
_VARIABLE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_RESERVED: Final = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ]
)
"""Variables that CreateFunction refuses (Lambda guide, "Defined runtime environment variables")."""


def read(declarations: Declarations, *, cache_dir: Path | None) -> dict[str, Function]:
    """Return the functions by logical id.

    Args:
        declarations: The template's resources.
        cache_dir: Where inline code becomes a file and archives are unpacked; None makes either an
            unsupported feature.

    A function that can't run here (an image, code in S3, a variable whose value only AWS knows) is
    left out: templates have functions that nothing here invokes, such as those of custom resources.

    Raises:
        TemplateError: A property is wrong or missing, or a folder doesn't exist.
    """
    found: dict[str, Function] = {}
    for logical_id, properties in declarations.of_type(_KIND):
        try:
            found[logical_id] = _read_function(logical_id, properties, declarations, cache_dir)
        except (UnsupportedFeature, UnresolvedValue) as error:
            declarations.leave_out(logical_id, error)
    return found


def _read_function(
    logical_id: str,
    properties: Properties,
    declarations: Declarations,
    cache_dir: Path | None,
) -> Function:
    if properties.choice("PackageType", ("Zip", "Image"), "Zip") == "Image":
        raise properties.unsupported("PackageType", "is Image, a container image", allowed="Zip")
    runtime = properties.text("Runtime")
    if not is_supported(runtime):
        raise properties.unsupported("Runtime", f"is {runtime}", allowed=SUPPORTED)
    return Function(
        logical_id=logical_id,
        name=declarations.name(logical_id),
        arn=declarations.arn(logical_id),
        handler=_handler(properties, runtime),
        runtime=runtime,
        code=code.folder_of_function(logical_id, declarations, runtime, cache_dir),
        layers=_layers(logical_id, properties, declarations, cache_dir),
        environment=MappingProxyType(_environment(logical_id, properties, declarations)),
        timeout_seconds=properties.integer("Timeout", 3, least=1, most=900),
        memory_mb=properties.integer("MemorySize", 128, least=128, most=10_240),
        reserved_concurrency=properties.optional_integer(
            "ReservedConcurrentExecutions", least=0, most=1_000_000
        ),
    )


def _handler(properties: Properties, runtime: str) -> str:
    # What an OS-only runtime calls its bootstrap with may be any text, or none.
    return properties.text("Handler", "bootstrap" if runtime.startswith("provided") else None)


def _layers(
    logical_id: str,
    properties: Properties,
    declarations: Declarations,
    cache_dir: Path | None,
) -> tuple[Path, ...]:
    folders: list[Path] = []
    for index, arn in enumerate(properties.texts("Layers")):
        layer = declarations.find(_LAYER, arn)
        if layer is not None:
            folder = code.folder_of_layer(layer, declarations, cache_dir)
            folders += [] if folder is None else [folder]
        elif re.fullmatch(r"arn:[^:]*:lambda:[^:]*:[^:]*:layer:[^:]+:\d+", arn):
            declarations.ignore(
                logical_id,
                f"the layer {arn} is not in this template; what it holds has to be installed in "
                "the interpreter's own environment",
                kind=_LAYER,
            )
        else:
            raise (
                properties.place.at("Layers")
                .at(index)
                .error(f"is {arn!r}", allowed="the ARN of a layer version")
            )
    return tuple(folders)


def _environment(
    logical_id: str, properties: Properties, declarations: Declarations
) -> dict[str, str]:
    """Return the variables; those given from outside win, so that theirs need not be known."""
    environment = properties.mapping("Environment")
    variables = environment.mapping("Variables") if environment else None
    if variables is None:
        return {}
    given = _given(logical_id, declarations)
    return {
        name: given[name] if name in given else _variable(variables, name) for name in variables
    }


def _given(logical_id: str, declarations: Declarations) -> Mapping[str, str]:
    """Return what `--env-vars` says: `Parameters` for all functions, a function's own over them."""
    overridden = declarations.overridden
    keys = ("Parameters", declarations.name(logical_id), logical_id)
    return {name: value for key in keys for name, value in overridden.get(key, {}).items()}


def _variable(variables: Properties, name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise variables.error(
            name, "is no name of a variable", allowed="letters, digits and _, a letter first"
        )
    if name in _RESERVED:
        raise variables.error(name, "is reserved: Lambda sets it and refuses a function that does")
    try:
        return variables.text(name, "")
    except UnresolvedValue as error:
        error.allowed = error.allowed or f"a value from --env-vars for {name}"
        raise

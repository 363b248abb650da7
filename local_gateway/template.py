"""From a template file to the frozen model that everything after start-up reads.

The straight line: text, tree with what it includes, parameters, loops written out, SAM transform,
resources with their functions resolved when read, model. Each step is a module; this one is their
order.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway import document, includes, loops, samtransform
from local_gateway import parameters as declared_parameters
from local_gateway.api import Application
from local_gateway.budget import Budget
from local_gateway.declarations import Declarations
from local_gateway.errors import TemplateError, UnresolvedValue, UnsupportedFeature
from local_gateway.intrinsics import Resolver
from local_gateway.resources import (
    api_keys,
    domains,
    functions,
    http,
    permissions,
    queues,
    roles,
    tables,
    triggers,
    websocket,
)
from local_gateway.tree import Place, Value, guess_at, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_gateway.api import Function, Identity, Queue, Table

_SECTIONS: Final = (
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
)


def load(
    path: Path,
    *,
    parameters: Mapping[str, str],
    identity: Identity,
    cache_dir: Path | None = None,
    env_vars: Mapping[str, Mapping[str, str]] | None = None,
    imports: Mapping[str, str] | None = None,
) -> Application:
    """Return what the template at `path` declares.

    Args:
        path: A SAM or CloudFormation template, YAML or JSON. Folders are relative to its own.
        parameters: Values that override the defaults, as `--parameter-overrides` gives them.
        identity: Region and account of ARNs and URLs.
        cache_dir: Where SAM's expansion is kept between starts, inline code is written to, and
            archives are unpacked.
        env_vars: Variables that override those in the template, by function (logical id or name)
            or, for all functions, under `Parameters`: the format of `sam local`'s `--env-vars`. A
            variable that the template doesn't have is not added.
        imports: What the template takes from elsewhere, as `--import` gives it: by the name of an
            export, by `LogicalId.Attribute`, or by the text of a dynamic reference without its
            braces (`resolve:ssm:/name`).

    Raises:
        TemplateError: The file is wrong, or asks for what isn't emulated; the message names file,
            logical id and property.
    """
    text = document.read_text(path)
    tree = document.parse(text, path)
    budget = Budget()
    tree, included = includes.expand(tree, path, budget)
    _check_sections(tree, path)
    values = declared_parameters.read(
        _section(tree, "Parameters", path), parameters, Place(path, path="Parameters")
    )
    if is_looping := loops.has_loops(tree):
        if loops.TRANSFORM not in _transforms(tree, path):
            raise Place(path, path="Transform").error(
                f"is without {loops.TRANSFORM}, which Fn::ForEach needs"
            )
        resolver = _resolver(tree, path, values, identity, imports or {}, budget)
        tree = loops.expand(tree, resolver, path)
    if samtransform.TRANSFORM in _transforms(tree, path):
        tree = samtransform.expand(
            json.dumps(tree) if included or is_looping else text,
            tree,
            file=path,
            parameters=parameters,
            identity=identity,
            cache_dir=None if cache_dir is None else cache_dir / "sam",
        )
    try:
        resolver = _resolver(tree, path, values, identity, imports or {}, budget)
        application = _read_application(
            Declarations(resolver, path, overridden=env_vars or {}),
            outputs=_read_outputs(_section(tree, "Outputs", path), resolver, path),
            cache_dir=cache_dir,
        )
    except TemplateError as error:
        _name_source(error, tree)
        raise
    return replace(application, included=included)


def _resolver(
    tree: dict[str, Value],
    path: Path,
    values: Mapping[str, declared_parameters.ParameterValue],
    identity: Identity,
    imports: Mapping[str, str],
    budget: Budget,
) -> Resolver:
    sections = {
        name: _section(tree, name, path) for name in ("Resources", "Conditions", "Mappings")
    }
    return Resolver(
        path, identity, sections=sections, parameters=values, imports=imports, budget=budget
    )


def _read_application(
    declarations: Declarations, *, outputs: Mapping[str, str], cache_dir: Path | None
) -> Application:
    _check_types(declarations)
    found_functions = functions.read(declarations, cache_dir=cache_dir)
    found_queues = queues.read(declarations)
    found_tables = tables.read(declarations)
    found_keys = api_keys.read_keys(declarations)
    found_apis = websocket.read(declarations)
    for named in (found_functions, found_queues, found_tables):
        _check_names(named, declarations)
    return Application(
        template=declarations.file,
        identity=declarations.identity,
        functions=MappingProxyType(found_functions),
        websocket_apis=MappingProxyType(found_apis),
        http_apis=MappingProxyType(http.read(declarations)),
        queues=MappingProxyType(found_queues),
        tables=MappingProxyType(found_tables),
        queue_mappings=triggers.read_queue_mappings(declarations),
        schedules=triggers.read_schedules(declarations),
        api_keys=MappingProxyType(found_keys),
        usage_plans=MappingProxyType(api_keys.read_plans(declarations, found_keys)),
        permissions=permissions.read(declarations),
        custom_domains=MappingProxyType(domains.read(declarations, found_apis)),
        roles=MappingProxyType(roles.read(declarations, found_functions)),
        outputs=MappingProxyType(dict(outputs)),
        ignored=declarations.ignored(),
    )


def _name_source(error: TemplateError, tree: Mapping[str, Value]) -> None:
    """Say what the author has to look for, where SAM made the resource that is wrong."""
    resources = tree.get("Resources")
    resource = resources.get(error.logical_id or "") if isinstance(resources, dict) else None
    metadata = resource.get("Metadata") if isinstance(resource, dict) else None
    source = metadata.get(samtransform.SOURCE) if isinstance(metadata, dict) else None
    if isinstance(source, str) and source != error.logical_id:
        error.problem += f" (the SAM transform makes {error.logical_id} from {source})"


def _check_sections(tree: Mapping[str, Value], file: Path) -> None:
    for name in tree:
        if name not in _SECTIONS:
            problem = f"there is no section {name!r}{guess_at(name, _SECTIONS)}"
            raise Place(file).error(problem, allowed=", ".join(_SECTIONS))
    if not _section(tree, "Resources", file):
        raise Place(file, path="Resources").error("the section is missing or empty")
    for section in ("Resources", "Outputs", "Conditions"):
        for key in _section(tree, section, file):
            if key.startswith("Fn::") and not key.startswith(loops.PREFIX):
                raise Place(file, path=section).unsupported(
                    f"uses {key}", allowed=f"each entry written out, {loops.PREFIX}NAME"
                )


def _section(tree: Mapping[str, Value], name: str, file: Path) -> dict[str, Value]:
    section = tree.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise Place(file, path=name).error(f"is {kind_of(section)}", allowed="a mapping")
    return section


def _transforms(tree: Mapping[str, Value], file: Path) -> list[str]:
    """Return the names under `Transform`, all of them known."""
    declared = tree.get("Transform")
    found: list[str] = []
    for transform in declared if isinstance(declared, list) else [declared]:
        if transform is None:
            continue
        if transform not in (samtransform.TRANSFORM, loops.TRANSFORM):
            name = transform.get("Name") if isinstance(transform, dict) else transform
            raise Place(file, path="Transform").unsupported(
                f"is {name!r}", allowed=f"{samtransform.TRANSFORM}, {loops.TRANSFORM}"
            )
        found.append(str(transform))
    return found


def _check_types(declarations: Declarations) -> None:
    for logical_id in declarations:
        kind = declarations.kind(logical_id)
        if not kind.startswith("AWS::Serverless::"):
            continue
        place = Place(declarations.file, logical_id, "Type")
        if declarations.metadata(logical_id).has(samtransform.SOURCE):
            raise place.error(f"is {kind}, which the SAM transform doesn't know")
        raise place.error(
            f"is {kind}, which takes a transform that the template doesn't have; add "
            f"`Transform: {samtransform.TRANSFORM}` at its top"
        )


def _check_names(
    named: Mapping[str, Function] | Mapping[str, Queue] | Mapping[str, Table],
    declarations: Declarations,
) -> None:
    owners: dict[str, str] = {}
    for logical_id, one in named.items():
        other = owners.setdefault(one.name, logical_id)
        if other != logical_id:
            kind = declarations.kind(logical_id)
            place = Place(declarations.file, logical_id, "Properties")
            raise place.error(f"{other} is an {kind} with the name {one.name!r} already")


def _read_outputs(section: Mapping[str, Value], resolver: Resolver, file: Path) -> dict[str, str]:
    """Return the outputs that can be known here."""
    outputs: dict[str, str] = {}
    for name, output in section.items():
        place = Place(file, path=f"Outputs.{name}")
        if not isinstance(output, dict) or "Value" not in output:
            raise place.error("has no Value")
        condition = output.get("Condition")
        if condition is not None and not resolver.condition(condition, place.at("Condition")):
            continue
        try:
            outputs[name] = resolver.text(output["Value"], place.at("Value"))
        except (UnresolvedValue, UnsupportedFeature):
            continue
    return outputs

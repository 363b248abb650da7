"""`Transform: AWS::Serverless-2016-10-31`: SAM's resources become those of CloudFormation.

AWS's own translator does it, as a library, with two of our own touches. It wants code to be in S3
already, so local paths travel through it as keys of a bucket that stands for this machine. And
importing it takes longer than everything else at start-up, so its results are kept on disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from local_gateway.errors import TemplateError
from local_gateway.files import write_atomically
from local_gateway.tree import Place, Value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_gateway.api import Identity

TRANSFORM: Final = "AWS::Serverless-2016-10-31"
LOCAL: Final = "local-gateway"
"""The bucket whose keys are paths of this machine."""

SOURCE: Final = "SamResourceId"
"""The metadata that names the resource in the author's file (`sam build` writes it too)."""

_SERVERLESS: Final = "AWS::Serverless::"
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_CACHE_FORMAT: Final = 2
"""To be raised with every change of what is handed to the translator, or kept of its answer."""
_CACHED_RESULTS: Final = 32

_URI_PROPERTIES: Final[Mapping[str, str]] = {
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
"""Properties that may be local paths until `sam package` uploads them."""


def expand(
    text: str,
    tree: dict[str, Value],
    *,
    file: Path,
    parameters: Mapping[str, str],
    identity: Identity,
    cache_dir: Path | None,
) -> dict[str, Value]:
    """Return the template as CloudFormation gets it.

    Args:
        text: The template's text, which with the parameters says what of the disk is its own.
        tree: The same, parsed.
        file: Its name, for errors.
        parameters: What overrides the parameters' defaults.
        identity: Region and account.
        cache_dir: Where results are kept; None keeps none. What can't be read there is made anew,
            and a folder that can't be written to is no error.

    Raises:
        TemplateError: The translator refuses the template.
    """
    read = _parameters_read(tree)
    parameters = {name: value for name, value in parameters.items() if name in read}
    cached = None if cache_dir is None else cache_dir / f"{_key(text, parameters, identity)}.json"
    if cached is not None and (known := _read_cached(cached)) is not None:
        return known
    expanded = _translate(_carry_paths(tree, file), file, parameters, identity)
    if cached is not None:
        _keep(cached, expanded)
    return expanded


def _key(text: str, parameters: Mapping[str, str], identity: Identity) -> str:
    versions = [_CACHE_FORMAT, version("cloudpush"), version("aws-sam-translator")]
    place = [identity.region, identity.account_id, identity.partition]
    facts = json.dumps([versions, place, sorted(parameters.items()), text])
    return hashlib.sha256(facts.encode()).hexdigest()


def _parameters_read(tree: Mapping[str, Value]) -> set[str]:
    """Return the parameters that the translator may read.

    It passes the variables of functions on as they are, so that a URL with another port at every
    start, which stands only there, doesn't make every start a new template.
    """
    found: set[str] = set()
    waiting = [tree.get("Globals"), tree.get("Resources")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.update(_VARIABLE.findall(value))
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            if isinstance(name := value.get("Ref"), str):
                found.add(name)
            waiting.extend(inner for key, inner in value.items() if key != "Environment")
    return found


def _read_cached(file: Path) -> dict[str, Value] | None:
    try:
        tree = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Value]", tree) if isinstance(tree, dict) else None


def _keep(file: Path, tree: dict[str, Value]) -> None:
    try:
        write_atomically(file, json.dumps(tree))
        kept = sorted(file.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_CACHED_RESULTS]:
            old.unlink(missing_ok=True)
    except OSError:
        return  # the next start is slower, nothing else


def _carry_paths(tree: dict[str, Value], file: Path) -> dict[str, Value]:
    """Return a copy of the template in which local paths are keys of our bucket."""
    copied = cast("dict[str, Value]", json.loads(json.dumps(tree)))
    globals_ = _mapping(_mapping(copied.get("Globals")).get("Function"))
    _carry(globals_, "CodeUri")
    for logical_id, resource in _mapping(copied.get("Resources")).items():
        kind = _mapping(resource).get("Type")
        properties = _mapping(resource).get("Properties")
        if isinstance(resource, dict) and isinstance(kind, str) and kind.startswith(_SERVERLESS):
            # The translator hands metadata on to everything that it makes of the resource.
            resource["Metadata"] = {**_mapping(resource.get("Metadata")), SOURCE: logical_id}
        if not isinstance(kind, str) or not isinstance(properties, dict):
            continue
        if kind == "AWS::Serverless::HttpApi" and "DefinitionUri" in properties:
            place = Place(file, logical_id, "Properties.DefinitionUri")
            raise place.unsupported("is a file of its own", allowed="DefinitionBody")
        if kind == "AWS::Serverless::Function":
            _complete(properties, globals_)
        if kind in _URI_PROPERTIES:
            _carry(properties, _URI_PROPERTIES[kind])
    return copied


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _complete(properties: dict[str, Value], globals_: Mapping[str, Value]) -> None:
    """Give a function the code location that SAM's command line would give it."""
    if "Image" in (properties.get("PackageType"), globals_.get("PackageType")):
        properties.setdefault("ImageUri", LOCAL)
    elif not {"CodeUri", "InlineCode", "ImageUri"} & {*properties, *globals_}:
        properties["CodeUri"] = "."


def _carry(properties: dict[str, Value], name: str) -> None:
    uri = properties.get(name)
    is_function = isinstance(uri, dict) and any(k == "Ref" or k.startswith("Fn::") for k in uri)
    if is_function or (isinstance(uri, str) and not uri.startswith("s3://")):
        properties[name] = {"Bucket": LOCAL, "Key": uri}


def _translate(
    tree: dict[str, Value], file: Path, parameters: Mapping[str, str], identity: Identity
) -> dict[str, Value]:
    # Imported here: it takes a second, and most starts find their result on disk.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415 — see above
    from samtranslator.parser.parser import Parser  # noqa: PLC0415 — see above
    from samtranslator.translator.translator import Translator  # noqa: PLC0415 — see above
    from samtranslator.utils import py27hash_fix  # noqa: PLC0415 — see above

    values = {
        "AWS::AccountId": identity.account_id,
        "AWS::Partition": identity.partition,
        "AWS::Region": identity.region,
        **parameters,
    }
    # Of a session it reads the region alone; a real one reads the user's AWS files.
    session = cast("Any", SimpleNamespace(region_name=identity.region))
    # It warns of switches of its own, and at exit of figures that it published nowhere.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    try:
        # The hashes in logical ids (versions, layers) are those of AWS only with its old texts.
        py27hash_fix.to_py27_compatible_template(tree, values)
        translated = Translator(None, Parser(), boto_session=session).translate(
            tree, values, passthrough_metadata=True, get_managed_policy_map=dict
        )
        plain = py27hash_fix.undo_mark_unicode_str_in_template(translated)
    except InvalidDocumentException as error:
        raise _explain([_cause(cause) for cause in error.causes], file) from error
    except Exception as error:  # its internals fail in any way on a wrong shape
        shown = f"{type(error).__name__}: {error}"
        raise TemplateError(f"the SAM transform can't read it: {shown}", file=file) from error
    return cast("dict[str, Value]", json.loads(json.dumps(plain)))


def _cause(cause: object) -> tuple[str | None, str]:
    """Return the logical id, where the translator knows one, and what is wrong there."""
    logical_id = getattr(cause, "_logical_id", None)
    message = str(getattr(cause, "message", cause))
    if isinstance(logical_id, str):
        message = message.removeprefix(f"Resource with id [{logical_id}] is invalid. ")
    return logical_id if isinstance(logical_id, str) else None, message.rstrip(". ")


def _explain(causes: list[tuple[str | None, str]], file: Path) -> TemplateError:
    if len(causes) == 1:
        logical_id, problem = causes[0]
        return TemplateError(problem, file=file, logical_id=logical_id)
    lines = [f"\n  {name}: {problem}" if name else f"\n  {problem}" for name, problem in causes]
    return TemplateError(f"the SAM transform refuses it: {';'.join(lines)}", file=file)

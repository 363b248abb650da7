"""Where the code of functions and layers stands on this machine.

SAM says it in `CodeUri` and `ContentUri`, which `samtransform` carries through the transform; plain
CloudFormation in `Code` and `Content` as `aws cloudformation package` takes them, a folder beside
the template; CDK in the metadata of a resource or, where that was turned off, in the manifest of
assets beside the template. A zip file is unpacked; what is neither can't run here.

What `sam build` made is a template of its own, `.aws-sam/build/template.yaml`, whose folders have
everything in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_gateway import samtransform
from local_gateway.archives import ArchiveRefused, unpack
from local_gateway.files import write_atomically

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties
    from local_gateway.tree import Place

_ALLOWED: Final = "a folder or a zip file of this machine"
_CDK_TEMPLATE: Final = ".template.json"
_OPT_FOLDERS: Final = ("python", "nodejs", "bin", "lib")
"""What a runtime looks for in a layer (Lambda guide, "Packaging layers")."""


def folder_of_function(
    logical_id: str, declarations: Declarations, runtime: str, cache_dir: Path | None
) -> Path:
    """Return the folder that is the function's /var/task.

    Raises:
        UnsupportedFeature: The code is in S3 or in a container image.
        TemplateError: There is no such folder, or the archive can't be unpacked.
    """
    properties = declarations.properties(logical_id)
    asset = _asset(logical_id, "Code", declarations)
    if asset is not None:
        return _folder(asset, declarations, properties.place.at("Code"), cache_dir)
    local = _local_path(properties, "Code")
    if local is not None:
        return _folder(local, declarations, properties.place.at("Code"), cache_dir)
    location = properties.mapping("Code")
    if location is None:
        raise properties.error("Code", "is missing")
    if location.has("ZipFile"):
        return _write_inline(location, runtime, cache_dir)
    found = ", ".join(location) or "nothing"
    raise properties.unsupported("Code", f"holds {found}", allowed=_ALLOWED)


def folder_of_layer(
    logical_id: str, declarations: Declarations, cache_dir: Path | None
) -> Path | None:
    """Return the folder that a layer puts into /opt, None for one that only a build fills.

    A layer with a `BuildMethod` is taken as it stands where the source has the shape of /opt
    already. Otherwise its packages have to come from the interpreter's own environment: what `sam
    build` made is for Lambda's platform and its Python, which need not be this machine's.
    """
    properties = declarations.properties(logical_id)
    place = properties.place.at("Content")
    local = _asset(logical_id, "Content", declarations) or _local_path(properties, "Content")
    if local is None:
        location = properties.mapping("Content")
        found = ", ".join(location) if location else "nothing"
        raise properties.unsupported("Content", f"holds {found}", allowed=_ALLOWED)
    folder = _folder(local, declarations, place, cache_dir)
    if (folder / "extensions").is_dir():
        declarations.ignore(
            declarations.source(logical_id),
            "its extensions are not run",
            kind=declarations.kind(logical_id),
        )
    method = declarations.metadata(logical_id).optional_text("BuildMethod")
    if method is None or any((folder / name).is_dir() for name in _OPT_FOLDERS):
        return folder
    declarations.ignore(
        declarations.source(logical_id),  # the transform appends a hash to a layer's logical id
        f"not built here (BuildMethod: {method}); the interpreter has to have its packages",
        kind=declarations.kind(logical_id),
    )
    return None


def _asset(logical_id: str, name: str, declarations: Declarations) -> str | None:
    """Return where CDK put the code (`aws:asset:path`), relative to the template."""
    path = declarations.metadata(logical_id).optional_text("aws:asset:path")
    if path is not None or not declarations.file.name.endswith(_CDK_TEMPLATE):
        return path
    location = declarations.properties(logical_id).value(name)
    key = location.get("S3Key") if isinstance(location, dict) else None
    manifest = declarations.file.name.removesuffix(_CDK_TEMPLATE) + ".assets.json"
    try:
        files = json.loads((declarations.file.parent / manifest).read_bytes())["files"]
        return files[str(key).removesuffix(".zip")]["source"]["path"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no manifest, or no asset of it


def _local_path(properties: Properties, name: str) -> str | None:
    """Return a path that stands there as text, or was carried through the SAM transform."""
    if not properties.has(name):
        return None
    value = properties.value(name)
    if isinstance(value, str):
        return None if value.startswith(("s3://", "https://")) else value
    if isinstance(value, dict) and value.get("S3Bucket") == samtransform.LOCAL:
        location = properties.mapping(name)
        return location.text("S3Key") if location else None
    return None


def _folder(path: str, declarations: Declarations, place: Place, cache_dir: Path | None) -> Path:
    if not path or path.startswith("{{"):
        raise place.error(f"is {path!r}", allowed=_ALLOWED)
    # Not resolved: a symbolic link is the author's name for the folder.
    folder = Path(os.path.normpath(declarations.file.parent.absolute() / path))
    if folder.is_file():
        return _unpack(folder, path, place, cache_dir)
    if not folder.is_dir():
        raise place.error(f"there is no folder {folder}")
    return folder


def _unpack(file: Path, path: str, place: Place, cache_dir: Path | None) -> Path:
    if not zipfile.is_zipfile(file):
        raise place.unsupported(f"{path} is a file", allowed=_ALLOWED)
    if cache_dir is None:
        raise place.unsupported(f"{path} is an archive", allowed="a folder of this machine")
    try:
        return unpack(file, cache_dir / "unpacked")
    except ArchiveRefused as refused:
        raise place.error(f"{path} {refused}") from refused
    except OSError as error:
        raise place.error(f"{path} can't be unpacked: {error}") from error


def _write_inline(location: Properties, runtime: str, cache_dir: Path | None) -> Path:
    """Write inline code to the file `index`, as Lambda does, into a folder named by its content."""
    if cache_dir is None:
        raise location.unsupported("ZipFile", "inline code", allowed="a folder of this machine")
    name = "index.py" if runtime.startswith("python") else "index.js"
    source = location.text("ZipFile")
    folder = cache_dir / "inline" / hashlib.sha256(f"{name}\n{source}".encode()).hexdigest()[:32]
    try:
        write_atomically(folder / name, source)
    except OSError as error:
        raise location.error("ZipFile", f"can't be written to {folder}: {error}") from error
    return folder

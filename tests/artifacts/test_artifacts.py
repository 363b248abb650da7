"""What `sam build` left in .aws-sam/build: the right processor, the right Python, not too much.

`make build` runs these after it has built; nobody else does, because there is nothing to read.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.build

BUILT: Final = Path(__file__).parents[2] / ".aws-sam/build"
LAYERS: Final = ("CloudpushLayer", "CoreLayer", "HttpLayer", "SignatureLayer")
FUNCTIONS: Final = (
    "Authorize",
    "Connect",
    "Disconnect",
    "Message",
    "PushApi",
    "FanOut",
    "Deliver",
    "Sweep",
)

EM_AARCH64: Final = 183
"""ELF specification, e_machine."""

EXTENSIONS: Final = (".cpython-313-aarch64-linux-gnu.so", ".abi3.so")
"""PEP 3149, and PEP 384 for what goes with every later version."""

UNZIPPED_LIMIT: Final = 250 * 1024 * 1024
"""A function with its layers (Lambda guide, "Quotas")."""

MAGIC_3_13: Final = struct.pack("<HBB", 3571, 0x0D, 0x0A)
"""CPython 3.13, Lib/importlib/_bootstrap_external.py."""

UNCHECKED_HASH: Final = 0b01
"""PEP 552: by hash, and the source is not looked at."""


def files_in(*folders: str, pattern: str) -> list[Path]:
    return [path for folder in folders for path in (BUILT / folder).rglob(pattern)]


def size_of(folder: str) -> int:
    return sum(path.stat().st_size for path in (BUILT / folder).rglob("*") if path.is_file())


def test_extensions_are_for_arm64_and_python_3_13() -> None:
    extensions = files_in(*LAYERS, pattern="*.so")

    machines = {struct.unpack_from("<H", path.read_bytes(), 18)[0] for path in extensions}

    assert machines == {EM_AARCH64}
    assert all(path.name.endswith(EXTENSIONS) for path in extensions)


@pytest.mark.parametrize(
    ("layer", "packages"),
    [
        ("CloudpushLayer", {"cloudpush"}),
        ("CoreLayer", {"aws_lambda_powertools", "botocore", "jwt", "msgspec", "redis"}),
        ("HttpLayer", {"fastapi", "mangum", "pydantic", "starlette"}),
        ("SignatureLayer", {"cryptography"}),
    ],
)
def test_a_layer_has_its_packages_and_no_other_layer_s(layer: str, packages: set[str]) -> None:
    present = {path.name for path in (BUILT / layer / "python").iterdir()}

    others = {
        path.name
        for other in LAYERS
        if other != layer
        for path in (BUILT / other / "python").iterdir()
        if path.name != "__pycache__"
    }

    assert packages <= present
    assert present & others == set()


def test_of_botocore_only_the_services_that_are_called_are_left() -> None:
    data = BUILT / "CoreLayer/python/botocore/data"

    services = {path.name for path in data.iterdir() if path.is_dir()}

    assert services == {"dynamodb", "secretsmanager", "sqs", "ssm"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_modules_and_the_pages(function: str) -> None:
    source = Path(__file__).parents[2] / "functions"

    expected, present = (
        {
            path.relative_to(folder)
            for path in folder.rglob("*")
            if path.suffix in {".py", ".html", ".js", ".css"}
        }
        for folder in (source, BUILT / f"{function}Function")
    )

    assert present == expected


@pytest.mark.parametrize(
    ("layers", "limit"),
    [(LAYERS[:2], 50 * 1024 * 1024), (LAYERS, UNZIPPED_LIMIT // 2)],
    ids=["most functions", "push_api"],
)
def test_the_size_is_far_below_the_limit(layers: tuple[str, ...], limit: int) -> None:
    size = size_of("ConnectFunction") + sum(size_of(layer) for layer in layers)

    assert size < limit


def test_bytecode_is_for_python_3_13_and_never_checked() -> None:
    """Passes where there is none: a Python 3.13 is not needed for a build."""
    compiled = files_in(*LAYERS, *(f"{name}Function" for name in FUNCTIONS), pattern="*.pyc")

    headers = {path.read_bytes()[:8] for path in compiled}

    assert headers <= {MAGIC_3_13 + struct.pack("<I", UNCHECKED_HASH)}

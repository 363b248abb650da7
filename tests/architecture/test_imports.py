"""Who may import whom: the contracts in pyproject.toml, and what they cannot say of one file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ADAPTERS: Final = ("cloudpush.management", "cloudpush.queues", "cloudpush.stores")
WEB: Final = {"fastapi", "mangum", "starlette"}

FUNCTIONS: Final = sorted(
    path.stem for path in (Path(__file__).parents[2] / "functions").glob("*.py")
)


def imports_of(source: Path) -> Iterator[str]:
    """Yield the dotted name of every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_contracts_hold(root: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")

    linted = subprocess.run(
        [lint, "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_no_adapter(root: Path, function: str) -> None:
    imported = set(imports_of(root / "functions" / f"{function}.py"))

    assert {name for name in imported if name.startswith(ADAPTERS)} == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_push_api_imports_a_web_framework(root: Path, function: str) -> None:
    imported = {name.partition(".")[0] for name in imports_of(root / f"functions/{function}.py")}

    assert imported & WEB == (WEB if function == "push_api" else set())


def test_the_emulator_imports_none_of_our_functions(root: Path) -> None:
    imported = {
        name.partition(".")[0]
        for source in (root / "local_gateway").rglob("*.py")
        for name in imports_of(source)
    }

    assert imported & {*FUNCTIONS, "cloudpush"} == set()

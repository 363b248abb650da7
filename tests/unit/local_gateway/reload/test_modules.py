"""Which functions a changed file belongs to."""

from pathlib import Path

import pytest

from local_gateway.api import Function
from local_gateway.reload.modules import concerned

FILES = {
    "code/one.py": "from shared import a\ndef handler(event, context): ...",
    "code/two.py": "def handler(event, context):\n    from shared.b import value",
    "code/three.py": "import importlib\nm = importlib.import_module('shared.a')",
    "code/shared/__init__.py": "",
    "code/shared/a.py": "from . import b\nimport layered",
    "code/shared/b.py": "value = 1",
    "code/unused.py": "",
    "code/data.json": "{}",
    "layer/python/layered.py": "",
    "other/app.py": "",
    "node/index.js": "",
}


def make(folder: Path, name: str, handler: str, code: str = "code", **facts: object) -> Function:
    return Function(
        logical_id=name,
        name=name,
        arn=f"arn:{name}",
        handler=handler,
        runtime=str(facts.get("runtime", "python3.13")),
        code=folder / code,
        layers=(folder / "layer",) if facts.get("has_layer", True) else (),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def functions(folder: Path) -> list[Function]:
    return [
        make(folder, "One", "one.handler"),
        make(folder, "Two", "two.handler"),
        make(folder, "Other", "app.handler", "other", has_layer=False),
    ]


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ("code/one.py", ["One"]),
        ("code/two.py", ["Two"]),
        ("code/shared/a.py", ["One"]),
        ("code/shared/b.py", ["One", "Two"]),
        ("code/shared/__init__.py", ["One", "Two"]),
        ("layer/python/layered.py", ["One"]),
        ("code/unused.py", ["One", "Two"]),
        ("code/data.json", ["One", "Two"]),
        ("code/deleted.py", ["One", "Two"]),
        ("other/app.py", ["Other"]),
        ("elsewhere/app.py", []),
    ],
)
def test_a_file_concerns_those_that_import_it(
    changed: str, names: list[str], folder: Path, functions: list[Function]
) -> None:
    found = concerned([folder / changed], functions)

    assert [function.logical_id for function in found] == names


def test_who_imports_by_a_computed_name_is_concerned_by_every_file_of_its_folder(
    folder: Path, functions: list[Function]
) -> None:
    functions.append(make(folder, "Three", "three.handler"))

    found = concerned([folder / "code/two.py"], functions)

    assert [function.logical_id for function in found] == ["Two", "Three"]


def test_another_language_is_concerned_by_every_file_of_its_folder(folder: Path) -> None:
    node = make(folder, "Node", "index.handler", "node", runtime="nodejs22.x", has_layer=False)

    assert concerned([folder / "node/index.js"], [node]) == [node]


def test_a_module_that_does_not_parse_concerns_everybody_who_imports_it(
    folder: Path, functions: list[Function]
) -> None:
    (folder / "code/shared/b.py").write_text("value =")

    found = concerned([folder / "code/shared/b.py"], functions)

    assert [function.logical_id for function in found] == ["One", "Two"]


def test_several_files_are_several_reasons(folder: Path, functions: list[Function]) -> None:
    found = concerned([folder / "code/one.py", folder / "other/app.py"], functions)

    assert [function.logical_id for function in found] == ["One", "Other"]

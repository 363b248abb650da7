"""Templates and the models that they become; wrong templates and the text of their errors.

A folder holds a template and `expected.json`, or `error.txt`; `arguments.json` where `load` gets
more than a path.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from local_gateway.api import Identity
from local_gateway.errors import TemplateError
from local_gateway.template import load

FOLDER = Path(__file__).parent / "templates"
GOOD = sorted(file.parent.name for file in FOLDER.glob("*/*template.*"))
WRONG = sorted(file.parent.name for file in FOLDER.glob("wrong/*/*template.*"))


@pytest.mark.parametrize("name", GOOD)
def test_a_template_becomes_this_model(name: str, tmp_path: Path, *, is_update: bool) -> None:
    folder = FOLDER / name

    application = load(
        _template(folder), identity=Identity(), cache_dir=tmp_path, **_arguments(folder)
    )

    _check(folder / "expected.json", _write(application, tmp_path), is_update=is_update)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_template_gets_this_error(name: str, *, is_update: bool) -> None:
    folder = FOLDER / "wrong" / name

    with pytest.raises(TemplateError) as caught:
        load(_template(folder), identity=Identity(), **_arguments(folder))

    text = f"{caught.value}\n".replace(f"{folder}/", "").replace(f"{FOLDER}/", "")
    _check(folder / "error.txt", text, is_update=is_update)


def test_there_are_enough_wrong_templates_to_mean_something() -> None:
    assert len(GOOD) >= 8
    assert len(WRONG) >= 40


def _template(folder: Path) -> Path:
    return next(folder.glob("*template.*"))


def _arguments(folder: Path) -> dict[str, Any]:
    file = folder / "arguments.json"
    given: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    given.setdefault("parameters", {})
    return given


def _check(file: Path, text: str, *, is_update: bool) -> None:
    if is_update:
        file.write_text(text)
    assert text == file.read_text()


def _write(application: object, cache_dir: Path) -> str:
    """Write a model as JSON, without what is empty or the default, with paths that are the same
    everywhere.
    """

    def plain(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return {
                field.name: plain(found)
                for field in fields
                if ((found := getattr(value, field.name)) or found == 0) and found != field.default
            }
        if isinstance(value, Mapping):
            items = cast("Mapping[str, object]", value).items()
            return {key: plain(inner) for key, inner in items}
        if isinstance(value, frozenset):
            return sorted(cast("frozenset[tuple[str, str]]", value))
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in cast("list[object]", value)]
        if isinstance(value, Path):
            return str(value).replace(str(FOLDER), "templates").replace(str(cache_dir), "cache")
        return value

    return json.dumps(plain(application), indent=2, ensure_ascii=False) + "\n"

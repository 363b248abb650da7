"""Several layers are one folder, the later ones over the earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.opt import merge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def layer(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def merged(tmp_path: Path, *layers: Mapping[str, str]) -> dict[str, str]:
    folders = [layer(tmp_path / str(number), files) for number, files in enumerate(layers)]
    opt = merge(folders, tmp_path / "opt")
    assert opt is not None
    return {
        name: (opt / name).read_text()
        for files in layers
        for name in files
        if (opt / name).is_file()
    }


def test_without_layers_there_is_none(tmp_path: Path) -> None:
    assert merge([], tmp_path / "opt") is None


def test_one_layer_is_the_folder_itself(tmp_path: Path) -> None:
    assert merge([tmp_path / "one"], tmp_path / "opt") == tmp_path / "one"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([{"a": "1"}, {"b": "2"}], {"a": "1", "b": "2"}),
        ([{"a": "1"}, {"a": "2"}], {"a": "2"}),
        (
            [{"d/a": "1", "d/b": "1"}, {"d/b": "2"}, {"d/c": "3"}],
            {"d/a": "1", "d/b": "2", "d/c": "3"},
        ),
        ([{"d/e/a": "1"}, {"d/e/b": "2"}], {"d/e/a": "1", "d/e/b": "2"}),
        ([{"x/a": "1"}, {"x": "2"}], {"x": "2"}),
        ([{"x": "1"}, {"x/a": "2"}], {"x/a": "2"}),
        ([{"x/a": "1"}, {"x": "2"}, {"x/b": "3"}], {"x/b": "3"}),
    ],
)
def test_later_files_lie_over_earlier_ones(
    tmp_path: Path, layers: list[dict[str, str]], expected: dict[str, str]
) -> None:
    assert merged(tmp_path, *layers) == expected


def test_what_is_edited_in_a_layer_is_seen(tmp_path: Path) -> None:
    folders = [layer(tmp_path / "1", {"d/a": "1"}), layer(tmp_path / "2", {"e/b": "1"})]
    opt = merge(folders, tmp_path / "opt")
    assert opt is not None

    layer(tmp_path / "1", {"d/a": "2", "d/new": "3"})

    assert [(opt / "d" / name).read_text() for name in ("a", "new")] == ["2", "3"]

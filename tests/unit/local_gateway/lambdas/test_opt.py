"""Several layers are one folder, the later ones over the earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.opt import merge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction


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


async def test_a_function_sees_them_as_opt(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import os, shutil, subprocess
        import one, shared, two
        def handler(event, context):
            return [
                one.layer, shared.layer, two.layer,
                subprocess.check_output([shutil.which("tool")], text=True),
                open(os.environ["PYTHONPATH"].split(":")[0] + "/one.py").read(),
                os.environ["WRAPPED"],
            ]
    """
    tool = "#!/bin/sh\nprintf tool"
    wrapper = '#!/bin/sh\nexport WRAPPED="$AWS_LAMBDA_FUNCTION_NAME"\nexec "$@"\n'
    layers = (
        layer(tmp_path / "1", {"python/one.py": "layer = 1", "python/shared.py": "layer = 1"}),
        layer(
            tmp_path / "2",
            {
                "python/two.py": "layer = 2",
                "python/shared.py": "layer = 2",
                "bin/tool": tool,
                "wrapper": wrapper,
            },
        ),
    )
    for name in ("bin/tool", "wrapper"):
        (tmp_path / "2" / name).chmod(0o755)
    environment = {
        "PYTHONPATH": "/opt/python:/elsewhere",
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper",
    }
    host = await start_host(write_function(source, layers=layers, environment=environment))

    assert await host.ask() == [1, 2, 2, "tool", "layer = 1", "f"]

"""Where code and layers are, as a function sees them."""

from __future__ import annotations

import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from local_gateway.archives import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction


def layer(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.clause("CODE-1")
async def test_an_archive_runs_with_its_executables(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import os, subprocess
        def handler(event, context):
            return subprocess.check_output(["./tool"], text=True)
    """
    written = write_function(source).code
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.write(written / "app.py", "app.py")
        tool = zipfile.ZipInfo("tool")
        tool.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(tool, "#!/bin/sh\nprintf tool")
    code = unpack(tmp_path / "code.zip", tmp_path / "cache")
    host = await start_host(write_function(name="Zipped", code=code))

    assert await host.ask("Zipped") == "tool"


@pytest.mark.clause("CODE-2")
async def test_a_later_layer_lies_over_an_earlier_one(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import one, shared, two
        def handler(event, context):
            return [one.layer, shared.layer, two.layer]
    """
    layers = (
        layer(tmp_path / "1", {"python/one.py": "layer = 1", "python/shared.py": "layer = 1"}),
        layer(tmp_path / "2", {"python/two.py": "layer = 2", "python/shared.py": "layer = 2"}),
    )
    host = await start_host(write_function(source, layers=layers))

    assert await host.ask() == [1, 2, 2]


@pytest.mark.clause("CODE-3")
async def test_variables_lead_to_opt_and_to_the_code(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import os, shutil
        def handler(event, context):
            paths = os.environ["PYTHONPATH"].split(":")
            libraries = os.environ["LD_LIBRARY_PATH"].split(":")
            return [
                os.path.exists(paths[0] + "/in_layer.py"),
                os.path.exists(paths[1] + "/app.py"),
                paths[2],
                shutil.which("tool") is not None,
                any(os.path.exists(path + "/libx.so") for path in libraries),
            ]
    """
    files = {"python/in_layer.py": "", "bin/tool": "", "lib/libx.so": ""}
    folder = layer(tmp_path / "layer", files)
    (folder / "bin" / "tool").chmod(0o755)
    environment = {"PYTHONPATH": "/opt/python:/var/task:/elsewhere"}
    host = await start_host(write_function(source, layers=(folder,), environment=environment))

    assert await host.ask() == [True, True, "/elsewhere", True, True]

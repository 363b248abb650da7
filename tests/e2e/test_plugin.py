"""The pytest plugin, as a project that has installed the package uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_FILE: Final = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_tests_of_the_guide_pass(tmp_path: Path) -> None:
    guide = (ROOT / "docs/how-to/test-your-template.md").read_text()
    for name, text in _FILE.findall(guide):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    done = run_pytest(tmp_path)

    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_ini_option_names_the_template(tmp_path: Path) -> None:
    room = ROOT / "tests/fakes/room/template.yaml"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\ngateway_template = {room}\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(blocking_gateway):\n    blocking_gateway.connect(stage='dev')\n"
    )

    done = run_pytest(tmp_path)

    assert "1 passed" in done.stdout, done.stdout


def test_a_template_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(blocking_gateway): ...\n")

    done = run_pytest(tmp_path)

    assert done.returncode == 1
    assert f"{tmp_path}/template.yaml" in done.stdout


def test_a_run_that_asks_for_no_gateway_imports_none(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert 'local_gateway.pytest_plugin' in sys.modules\n"
        "    ours = {name for name in sys.modules if name.startswith('local_gateway.')}\n"
        "    assert ours == {'local_gateway.pytest_plugin'}\n"
        "    assert not {'uvicorn', 'websockets', 'botocore', 'orjson'} & set(sys.modules)\n"
    )

    done = run_pytest(tmp_path)

    assert "1 passed" in done.stdout, done.stdout

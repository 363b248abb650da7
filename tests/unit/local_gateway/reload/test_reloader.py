"""What is done about a batch of changed files, and what is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_gateway.api import Application, Identity
from local_gateway.errors import TemplateError
from local_gateway.lambdas.interpreters import Interpreters
from local_gateway.reload.reloader import Reloader
from local_gateway.template import load
from local_gateway.why import Why

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.reload.difference import Difference

FUNCTION = "    Properties: {{Runtime: python3.13, Handler: {0}.handler, Code: code}}\n"
TEMPLATE = (
    "Resources:\n"
    "  One:\n    Type: AWS::Lambda::Function\n"
    + FUNCTION.format("one")
    + "  Two:\n    Type: AWS::Lambda::Function\n"
    + FUNCTION.format("two")
)
HANDLER = "def handler(event, context): ...\n"


class RecordingFunctions:
    """Notes whose environments were to be replaced."""

    interpreters = Interpreters()

    def __init__(self) -> None:
        self.refreshed: list[str] = []

    def refresh(self, function: str) -> None:
        self.refreshed.append(function)


class Project:
    """A template in a folder, and the reloader that is told what changed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.functions = RecordingFunctions()
        self.taken: list[Difference] = []
        self.refusal: Exception | None = None
        (folder / "code").mkdir()
        for name, text in {
            "template.yaml": TEMPLATE,
            "code/one.py": HANDLER,
            "code/two.py": HANDLER,
        }.items():
            self.write(name, text)
        self.reloader = Reloader(
            self.load(),
            load=self.load,
            functions=self.functions,
            take_up=self.take_up,
            keeps_snapshots=False,
            say=self.lines.append,
            why=Why(self.lines.append),
        )

    def load(self) -> Application:
        return load(self.folder / "template.yaml", parameters={}, identity=Identity())

    async def take_up(self, application: Application, difference: Difference) -> None:
        del application
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(difference)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    async def change(self, name: str, text: str) -> None:
        await self.reloader.handle([self.write(name, text)])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


async def test_changed_code_is_taken_up_by_those_that_import_it(project: Project) -> None:
    await project.change("code/one.py", HANDLER + "x = 1")

    assert project.functions.refreshed == ["One"]
    assert project.lines == ["reload: one.py changed, taken up by the next event of One"]


async def test_a_handler_that_does_not_parse_is_said_once_and_keeps_its_environments(
    project: Project,
) -> None:
    await project.change("code/one.py", "def handler(:")
    await project.change("code/one.py", "def handler(:")

    file = project.folder / "code/one.py"
    assert project.functions.refreshed == []
    assert project.lines == [f"reload: {file}:1: invalid syntax; code that is loaded stays, of One"]


async def test_a_mended_handler_is_taken_up_and_breaking_it_again_is_said_again(
    project: Project,
) -> None:
    await project.change("code/one.py", "def handler(:")
    await project.change("code/one.py", HANDLER)
    await project.change("code/one.py", "def handler(:")

    assert project.functions.refreshed == ["One"]
    assert len(project.lines) == 3


async def test_a_handler_that_is_gone_is_said(project: Project) -> None:
    await project.change("code/one.py", "x = 1")

    assert project.functions.refreshed == []
    assert "defines no 'handler'" in project.lines[0]


async def test_a_changed_template_is_taken_up_and_its_difference_said(project: Project) -> None:
    await project.change("template.yaml", TEMPLATE.replace("Two:", "Deux:"))

    assert [each.functions for each in project.taken] == [{"Two", "Deux"}]
    assert project.lines == ["reload: template.yaml changed\n  + function Deux\n  - function Two"]


async def test_a_template_that_changed_in_nothing_that_is_served_is_said_to(
    project: Project,
) -> None:
    await project.change("template.yaml", f"# {TEMPLATE}".replace("# R", "# a\nR"))

    assert project.lines == ["reload: template.yaml changed, and nothing that is served"]


async def test_a_wrong_template_is_said_and_nothing_is_taken_up(project: Project) -> None:
    await project.change("template.yaml", TEMPLATE.replace("Runtime", "Laufzeit"))

    assert project.taken == []
    assert project.lines[0].startswith(
        f"reload: {project.folder / 'template.yaml'}: One.Properties"
    )
    assert project.lines[0].endswith("what was served before goes on")


async def test_a_template_whose_handler_is_missing_is_said_and_not_taken_up(
    project: Project,
) -> None:
    await project.change("template.yaml", TEMPLATE.replace("two.handler", "three.handler"))

    assert project.taken == []
    assert "there is no file" in project.lines[0]


async def test_what_refuses_a_template_when_it_is_taken_up_is_said(project: Project) -> None:
    project.refusal = TemplateError("no")

    await project.change("template.yaml", TEMPLATE.replace("Two:", "Deux:"))
    project.refusal = None
    await project.change("template.yaml", TEMPLATE.replace("Two:", "Drei:"))

    assert project.lines[0].startswith("reload: no.")
    assert [each.functions for each in project.taken] == [{"Two", "Drei"}]

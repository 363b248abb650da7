"""What the documents say, against what is there."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from cloudpush import boundary
from cloudpush.errors import CloudpushError
from local_gateway import clauses, cli, faults, why

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
THIS: Final = Path(__file__).relative_to(ROOT).as_posix()
_FENCE: Final = re.compile(r"^```(?:bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")
_PINNED: Final = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
_OPTION: Final = re.compile(r"--[a-z][a-z-]+")


def commands_of(document: Path) -> list[str]:
    """Return the lines of the shell blocks, continued lines joined."""
    blocks = _FENCE.findall(document.read_text())
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def verbs_of(makefile: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", makefile.read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_verb_in_a_document_exists(document: str) -> None:
    named = {
        word
        for command in commands_of(ROOT / document)
        if command.startswith("make ")
        for word in shlex.split(command, comments=True)[1:]
        if "=" not in word
    }

    assert named <= verbs_of(ROOT / "Makefile")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_of_the_emulator_in_a_document_exists(
    document: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = set(_OPTION.findall(capsys.readouterr().out))

    named = {
        option
        for command in commands_of(ROOT / document)
        if "local-gateway" in command
        for option in _OPTION.findall(command.partition("local-gateway")[2])
    }

    assert named <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_between_documents_leads_somewhere(document: str) -> None:
    source = ROOT / document

    targets = [source.parent / target for target in _LINK.findall(source.read_text())]

    assert [target for target in targets if not target.exists()] == []


def test_every_decision_is_listed() -> None:
    decisions = {path.name for path in ROOT.glob("docs/adr/[0-9]*.md")}

    index = (ROOT / "docs/adr/index.md").read_text()

    assert set(re.findall(r"\]\(([0-9][^)]+)\)", index)) == decisions


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
def test_every_parameter_and_output_of_the_template_is_documented(
    template: dict[str, Any], section: str
) -> None:
    page = (ROOT / "docs/reference/parameters.md").read_text()
    part = page.split("# Outputs")[section == "Outputs"]

    documented = re.findall(r"^\| `([A-Za-z]+)`", part, re.MULTILINE)

    assert documented == list(template[section])


@pytest.mark.parametrize(
    ("layer", "options"), [("core", []), ("http", ["--extra", "http"])], ids=["core", "http"]
)
def test_the_layers_hold_what_is_locked(layer: str, options: list[str]) -> None:
    folder = ROOT / "layers/dependencies"
    core = re.findall(
        r"^([a-z0-9-]+)==", (folder / "requirements-core.txt").read_text(), re.MULTILINE
    )
    left_out = [f"--no-emit-package={name}" for name in core] if layer == "http" else []

    exported = subprocess.run(
        [
            *(uv(), "export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project"),
            *("--no-header", "--no-annotate", *options, *left_out),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (folder / f"requirements-{layer}.txt").read_text() == exported.stdout


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")  # where the Makefile installs it
    found = beside if beside.exists() else shutil.which("uv")
    assert found is not None, "uv is neither in the environment nor on the PATH"
    return str(found)


def test_the_changelog_names_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_why_line_is_documented_and_rests_on_a_clause() -> None:
    table = (ROOT / "docs/reference/why.md").read_text().partition("|---|---|---|\n")[2]

    assert table == why.write_table()
    known = clauses.read()
    assert [each.id for each in why.REASONS.values() if each.clause not in known] == []


def test_every_fault_is_documented() -> None:
    table = (ROOT / "docs/reference/faults.md").read_text().partition("|---|---|---|---|\n")[2]

    assert table == faults.write_table()


def test_every_error_that_a_client_may_get_is_documented() -> None:
    page = (ROOT / "docs/reference/protocol.md").read_text()
    part = page.partition("\n## Errors\n")[2].partition("\n## ")[0]
    elsewhere = {
        *(
            "invalid_client_id",
            "too_many_connections",
            "unauthorized",
            "keys_unavailable",
        ),  # connect
        *("not_found", "conflict", "idempotency_key_reused", "request_under_way"),  # HTTP
        *("secret_unavailable", "receiver_unavailable", "receiver_forbidden"),
        *("hop_limit_reached", "job_unreadable"),  # of jobs
    }

    documented = {
        code: temporary == "yes"
        for codes, temporary in re.findall(r"^\| (`.*?) \| .* \| (yes|no) \|$", part, re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", codes)
    }

    assert documented == {
        each.code: each.temporary for each in leaves() if each.code not in elsewhere
    }


def test_every_error_under_v1_is_documented() -> None:
    page = (ROOT / "docs/reference/http-api.md").read_text()
    elsewhere = {
        *("no_target", "too_many_targets"),  # there it is the shape of the body that is wrong
        *("not_connected", "too_many_connections"),  # WebSocket
        *("receiver_unavailable", "receiver_forbidden", "hop_limit_reached", "job_unreadable"),
    }
    frameworks = {"method_not_allowed": (405, False), "internal": (500, False)}

    documented = {
        code: (int(status), temporary == "yes")
        for codes, status, temporary in re.findall(
            r"^\| (`.*?) \| (\d{3}) \| .* \| (yes|no) \|$", page, re.MULTILINE
        )
        for code in re.findall(r"`([a-z_]+)`", codes)
    }

    assert documented == frameworks | {
        each.code: (boundary.status_of(each("")), each.temporary)
        for each in leaves()
        if each.code not in elsewhere
    }


def leaves() -> list[type[CloudpushError]]:
    """Return every error that may be raised: those that have a code of their own."""
    abstract: list[type[CloudpushError]] = [CloudpushError]
    found: list[type[CloudpushError]] = []
    while abstract:
        for each in abstract.pop().__subclasses__():
            abstract.append(each)
            if "code" in vars(each) and each.__module__ == CloudpushError.__module__:
                found.append(each)
    return found


def test_every_attack_has_its_test() -> None:
    rows = attacks_in((ROOT / "docs/explanation/attacks.md").read_text())

    assert len(rows) > 40
    assert [row for row, tests in rows.items() if not tests] == []
    assert [each for tests in rows.values() for each in tests if not is_test(each)] == []


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("| a flood | 429 | |", {"a flood": []}),
        ("| a flood | 429 | `tests/a.py` |", {"a flood": []}),
        (
            "| a flood | 429 | `tests/a.py::test_b`, `tests/a.py::TestC::test_d` |",
            {"a flood": ["tests/a.py::test_b", "tests/a.py::TestC::test_d"]},
        ),
    ],
)
def test_an_attack_without_a_test_would_be_found(row: str, found: dict[str, list[str]]) -> None:
    assert attacks_in(f"| attack | what comes of it | test |\n|---|---|---|\n{row}\n") == found


@pytest.mark.parametrize(
    "name",
    [
        "tests/architecture/nowhere.py::test_every_attack_has_its_test",
        f"{THIS}::test_nothing",
        f"{THIS}::attacks_in",
        f"{THIS}::TestNothing::test_every_attack_has_its_test",
    ],
)
def test_a_test_that_is_none_would_be_found(name: str) -> None:
    assert is_test(f"{THIS}::test_a_test_that_is_none_would_be_found")
    assert not is_test(name)


def attacks_in(page: str) -> dict[str, list[str]]:
    """Return the tests that each row of the tables of attacks names."""
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    return {
        attack.strip(): re.findall(r"`(tests/[^`]+\.py::[^`]+)`", tests)
        for attack, _, tests in rows
        if tests.strip() != "test"
    }


def is_test(name: str) -> bool:
    """Tell whether pytest would collect this: FILE::TEST, or FILE::CLASS::TEST."""
    file, *inner = name.split("::")
    if not (ROOT / file).is_file() or not inner[-1].startswith("test_"):
        return False
    scope: ast.AST = ast.parse((ROOT / file).read_text())
    for each in inner:
        found = [
            node
            for node in ast.iter_child_nodes(scope)
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and node.name == each
        ]
        if not found:
            return False
        scope = found[0]
    return True

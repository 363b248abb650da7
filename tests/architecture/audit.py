"""`make audit`: known vulnerabilities of what is locked, asked of PyPI and of the npm registry.

    exit code
    0    every package was looked up, and nothing is known
    1    an advisory; which one is printed
    3    advisories could not be read, of which packages and why is printed; nothing else is known

Both tools exit with 1 for an advisory and for a failure. What they print on standard output tells:
a report is one, and nobody who fails writes one. A mirror that has packages alone has no
advisories, and is a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Run: TypeAlias = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]

ROOT: Final = Path(__file__).parents[2]
UV: Final = str(Path(sys.executable).parent / "uv")
PIP_AUDIT: Final = "pip-audit==2.10.1"
ADVISORY, UNREAD = 1, 3


class Audited(NamedTuple):
    """What is known of the packages of one file."""

    name: str
    advisories: list[str]
    failure: str = ""
    """Why nothing is known; empty where it is."""


def main() -> int:
    """Ask for all of them, print what is known, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "uv.lock.txt"
        exported = _run(
            [
                UV,
                "export",
                "--quiet",
                "--locked",
                "--all-groups",
                "--all-extras",
                "--no-emit-project",
                "--no-header",
                "--output-file",
                str(locked),
            ]
        )
        exported.check_returncode()
        layers = sorted((ROOT / "layers/dependencies").glob("requirements-*.txt"))
        found = [audit_python(each, _run) for each in (locked, *layers)]
    locks = _run(["git", "ls-files", "*package-lock.json"]).stdout.split()
    found += [audit_node(each, _run) for each in locks]
    sys.stdout.writelines(f"{line}\n" for line in report(found))
    return exit_code(found)


def audit_python(requirements: Path, run: Run) -> Audited:
    """Ask PyPI for the advisories of locked requirements, by pip-audit."""
    tool = [UV, "tool", "run", "--quiet", "--python", sys.executable, "--from", PIP_AUDIT]
    options = ["--disable-pip", "--require-hashes", "--strict", "--progress-spinner", "off"]
    report = ["--format", "json", "--requirement", str(requirements)]
    answer = run([*tool, "pip-audit", *options, *report])
    read = _read(answer.stdout)
    if "dependencies" not in read:
        return Audited(requirements.name, [], _failure_of(answer))
    advisories = [
        f"{package['name']} {package['version']}: {each['id']}"
        for package in read["dependencies"]
        for each in package.get("vulns", [])
    ]
    return Audited(requirements.name, advisories)


def audit_node(lock: str, run: Run) -> Audited:
    """Ask the npm registry for the advisories of a package-lock.json."""
    answer = run(["npm", "audit", "--json", "--prefix", str((ROOT / lock).parent)])
    read = _read(answer.stdout)
    if "auditReportVersion" not in read:
        return Audited(lock, [], str(read.get("message", "")) or _failure_of(answer))
    advisories = [
        f"{name} {each['range']}: {each['severity']}"
        for name, each in read["vulnerabilities"].items()
    ]
    return Audited(lock, advisories)


def report(found: Iterable[Audited]) -> list[str]:
    """Return a line for each file, and one below for each advisory."""
    lines: list[str] = []
    for each in found:
        if each.failure:
            lines.append(f"{each.name}: NOT AUDITED, the advisories could not be read")
            lines.append(f"  {each.failure}")
        else:
            lines.append(f"{each.name}: {'advisories' if each.advisories else 'nothing known'}")
            lines += [f"  {advisory}" for advisory in each.advisories]
    return lines


def exit_code(found: Iterable[Audited]) -> int:
    """Return 1 where there is an advisory, else 3 where somebody may have one that was not read."""
    found = list(found)
    if any(each.advisories for each in found):
        return ADVISORY
    return UNREAD if any(each.failure for each in found) else 0


def _read(text: str) -> dict[str, Any]:
    """Return the report on standard output; an empty one if it is none."""
    try:
        read: object = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _failure_of(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the last things that a tool complained of."""
    lines = [each.strip() for each in answer.stderr.splitlines() if each.strip()]
    return "; ".join(lines[-3:]) or f"it ended with {answer.returncode} and said nothing"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


if __name__ == "__main__":
    sys.exit(main())

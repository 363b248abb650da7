"""Keys in the terminal in which the emulator runs."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway_process import ROOT, START_SECONDS, free_port
from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

TEMPLATE = ROOT / "tests/e2e/inspected/template.yaml"


class Terminal:
    """A terminal with the emulator in it."""

    def __init__(self, process: asyncio.subprocess.Process, number: int) -> None:
        self.process = process
        self._number = number
        self._shown = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(number, self._read)

    def press(self, key: str) -> None:
        os.write(self._number, key.encode())

    async def until(self, text: str) -> None:
        """Wait until the terminal has shown a text; what was before it is forgotten."""
        async with asyncio.timeout(START_SECONDS):
            while text.encode() not in self._shown:
                self._more.clear()
                await self._more.wait()
        self._shown = self._shown.partition(text.encode())[2]

    async def ended(self) -> int:
        async with asyncio.timeout(START_SECONDS):
            return await self.process.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._number)
        os.close(self._number)

    def _read(self) -> None:
        try:
            self._shown += os.read(self._number, 65_536)
        except OSError:  # nobody has the other side any more
            asyncio.get_running_loop().remove_reader(self._number)
        self._more.set()


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncGenerator[Terminal]:
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "opened $1"\n')
    browser.chmod(0o755)
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *guarded(
            [
                *(sys.executable, "-m", "local_gateway", "--no-watch"),
                *("--template", str(TEMPLATE), "--port", str(free_port())),
            ]
        ),
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "BROWSER": f"{browser} %s"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    found = Terminal(process, ours)
    try:
        await found.until("Keys: ")
        yield found
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        found.close()


async def test_q_quits(terminal: Terminal) -> None:
    terminal.press("q")

    assert await terminal.ended() == 0


async def test_o_opens_the_inspector_with_its_token(terminal: Terminal) -> None:
    terminal.press("o")

    await terminal.until("opened http://127.0.0.1:")
    await terminal.until("/_gateway/#token=")


async def test_r_reloads_and_c_clears_and_other_keys_do_nothing(terminal: Terminal) -> None:
    terminal.press("xr")
    await terminal.until("reload: every function's next event loads its code anew")

    terminal.press("c")
    await terminal.until("\x1b[2J")

"""Keys that are pressed in the terminal in which the emulator runs.

`o` opens the inspector in a browser, `r` takes up the template and the code as they are now, `c`
clears the terminal, `q` stops as Ctrl-C does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
import webbrowser
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

HELP: Final = "Keys: o opens the inspector, r reloads, c clears, q quits"

_CLEARED: Final = "\x1b[2J\x1b[3J\x1b[H"
"""Erases what is in sight, what is above it, and goes to the top (ECMA-48, ED and CUP; xterm)."""


class Hotkeys:
    """What each key does; `listening` reads them while it lasts."""

    def __init__(
        self,
        *,
        url: str,
        reload: Callable[[], Coroutine[None, None, None]],
        stop: Callable[[], None],
    ) -> None:
        """Take the inspector's address, and what the keys do that aren't for the terminal."""
        self._url = url
        self._reload = reload
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def listening(self, stdin: TextIO, stdout: TextIO) -> Generator[None]:
        """Take keys one by one, without Enter; afterwards the terminal is as it was."""
        number = stdin.fileno()
        before = termios.tcgetattr(number)
        loop = asyncio.get_running_loop()

        def read() -> None:
            pressed = os.read(number, 64).decode(errors="ignore")
            if not pressed:  # the terminal has gone, which stops nothing
                loop.remove_reader(number)
            for key in pressed:
                self.press(key, stdout)

        tty.setcbreak(number, termios.TCSADRAIN)
        loop.add_reader(number, read)
        try:
            yield
        finally:
            loop.remove_reader(number)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(number, termios.TCSADRAIN, before)

    def press(self, key: str, stdout: TextIO) -> None:
        """Do what a key stands for; most stand for nothing."""
        match key.lower():
            case "o":
                # A browser that has to be started would hold up every message meanwhile.
                self._begin(self._open(stdout))
            case "r":
                self._begin(self._reload())
            case "c":
                print(f"{_CLEARED}{HELP}", file=stdout, flush=True)
            case "q":
                self._stop()
            case _:
                pass

    async def _open(self, stdout: TextIO) -> None:
        if not await asyncio.to_thread(webbrowser.open, self._url):
            print(f"no browser was found: {self._url}", file=stdout, flush=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

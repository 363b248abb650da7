"""A real browser, driven over its DevTools protocol: https://chromedevtools.github.io/."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

START_SECONDS = 30.0
STEP_SECONDS = 15.0

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REBOUND = "rebound.example"
"""A name that leads the browser to this machine, as its owner could make it."""
_SWITCHES = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # A container's root may not make the namespaces of the sandbox; the pages are our own.
    "--no-sandbox",
    # What the browser would fetch for itself.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)

# Resolves as soon as the expression is true, looking again after each change of the document.
_WHEN = """
new Promise((resolve) => {
  const look = () => { if (%s) { observer.disconnect(); resolve(true); } };
  const observer = new MutationObserver(look);
  observer.observe(document, {
    subtree: true, childList: true, attributes: true, characterData: true});
  look();
})
"""


def find_chromium() -> str:
    """Return the browser's path; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        lacking = "no browser is installed: apt install chromium"
        if os.environ.get("CI") == "true":  # noqa: TID251 — a machine's own word, no setting of ours
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


class Browser:
    """A running browser: one WebSocket, over which its pages answer commands and tell events."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, *, page: str | None = None, **params: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON
        """Give a command, to the browser or to a page, and return the answer."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": params}
        await self._websocket.send(
            json.dumps(command if page is None else {**command, "sessionId": page})
        )
        async with asyncio.timeout(STEP_SECONDS):
            return await answer

    @asynccontextmanager
    async def page(self, *, width: int = 1280, height: int = 800) -> AsyncGenerator[Page]:
        """Open an empty page without cookies or cache, so wide and high in CSS pixels."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        try:
            for domain in ("Page", "Runtime", "Network", "Log"):
                await page.call(f"{domain}.enable")
            await page.resize(width, height)
            yield page
        finally:
            await self.call("Target.disposeBrowserContext", browserContextId=context)

    async def close(self) -> None:
        """End the browser, which does not take its leave of the WebSocket."""
        await self.call("Browser.close")
        with suppress(ConnectionClosed):
            await self._reader

    async def _read(self) -> None:
        async for text in self._websocket:
            message = json.loads(text)
            if "id" not in message:
                if page := self._pages.get(message.get("sessionId", "")):
                    page.take(message["method"], message["params"])
                continue
            answer = self._answers.pop(message["id"])
            if answer.cancelled():
                continue
            if "error" in message:
                answer.set_exception(AssertionError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])


class Page:
    """One page: what a person does with it, sees in it, and what it asks of the network."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self._loaded = asyncio.Event()
        self.requested: list[str] = []
        """The URL of each request, WebSockets among them."""
        self.complaints: list[str] = []
        """Uncaught errors, warnings and errors of the console, and dialogs."""

    async def call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON
        """Give the page a command."""
        return await self._browser.call(method, page=self._session, **params)

    def take(self, event: str, params: dict[str, Any]) -> None:
        """Remember an event of interest."""
        match event:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requested.append(params["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Page.javascriptDialogOpening":
                self.complaints.append(str(params))
            case _:
                pass

    async def open(self, url: str) -> None:
        """Load a URL, and wait until its scripts have run."""
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(STEP_SECONDS):
            await self._loaded.wait()

    async def resize(self, width: int, height: int) -> None:
        """Give the page another width and height."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 — any JSON
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript condition on the document holds."""
        await self.evaluate(_WHEN % condition)

    async def click(self, element_id: str) -> None:
        """Click the middle of an element, once it is enabled."""
        element = f"document.getElementById({json.dumps(element_id)})"
        await self.until(f"!{element}.disabled")
        x, y = await self.evaluate(
            f"(() => {{ {element}.scrollIntoView({{block: 'center'}});"
            f" const box = {element}.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def fill(self, element_id: str, text: str) -> None:
        """Replace a field's text, as a person who pastes does."""
        await self.evaluate(f"document.getElementById({json.dumps(element_id)}).select()")
        await self.call("Input.insertText", text=text)

    async def press_enter(self) -> None:
        """Press Enter in the field that has the focus."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, **key)


@asynccontextmanager
async def running_browser(profile: Path) -> AsyncGenerator[Browser]:
    """Start a browser with an empty profile in this folder, and stop it."""
    process = await asyncio.create_subprocess_exec(
        *guarded([find_chromium(), *_SWITCHES, f"--user-data-dir={profile}"]),
        env={"PATH": os.defpath, "HOME": str(profile)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            url = await _read_address(process.stderr)
        drain = asyncio.create_task(process.stderr.read())
        async with connect(url, ping_interval=None, max_size=None, proxy=None) as websocket:
            browser = Browser(websocket)
            try:
                yield browser
            finally:
                await browser.close()
        await drain
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _read_address(stderr: asyncio.StreamReader) -> str:
    """Return where the browser listens, which it tells on standard error."""
    complaints = b""
    while line := await stderr.readline():
        if found := re.search(rb"DevTools listening on (ws://\S+)", line):
            return found[1].decode()
        complaints += line
    raise AssertionError(complaints.decode())

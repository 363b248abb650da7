"""The connections to HTTP back-ends: one session that keeps them alive, for all integrations."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
from yarl import URL

from local_gateway.integration import BackendUnreachable, IntegrationError, IntegrationTimeout
from local_gateway.integrations.backend import BackendResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_gateway.integrations.backend import Settle

MAX_RESPONSE_BYTES: Final = 10_485_760
"""What is longer is no answer: API Gateway quotas, "Payload size". AWS's for REST."""


class HttpRequest(NamedTuple):
    """One request to a back-end."""

    method: str
    url: str
    """Encoded as it is to be sent."""
    headers: Sequence[tuple[str, str]]
    body: bytes
    timeout_ms: int


class HttpClient:
    """Sends requests in the background; redirects aren't followed, as API Gateway follows none."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, request: HttpRequest, settle: Settle) -> None:
        """Send a request, and call `settle` once."""
        task = asyncio.get_running_loop().create_task(self._run(request, settle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what runs, and close the connections."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _run(self, request: HttpRequest, settle: Settle) -> None:
        outcome: BackendResponse | IntegrationError = BackendUnreachable("the gateway stops")
        try:
            outcome = await self._answer(request)
        except IntegrationError as error:
            outcome = error
        except TimeoutError:
            outcome = IntegrationTimeout(f"no answer in {request.timeout_ms} ms")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = str(error) or type(error).__name__
            outcome = BackendUnreachable(f"{request.method} {request.url}: {problem}")
        finally:
            settle(outcome)

    async def _answer(self, request: HttpRequest) -> BackendResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent",),
            )
        async with self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=request.timeout_ms / 1000),
        ) as response:
            body = await _read(response)
            status = response.status
            return BackendResponse(status, body, _headers(response.headers), selector=str(status))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    length = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        length += len(chunk)
        if length > MAX_RESPONSE_BYTES:
            raise BackendUnreachable(f"the answer has more than {MAX_RESPONSE_BYTES} bytes")
    return b"".join(chunks)


def _headers(headers: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers.items():
        found.setdefault(name.lower(), []).append(value)
    return found

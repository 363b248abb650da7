"""`GET /health`, the operator's console, and the test page at `/` where the deployment has one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import msgspec
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from cloudpush import boundary, wiring
from cloudpush.errors import CloudpushError
from push_routes import answers
from push_routes.describing import add_shape

router = APIRouter()

_TEST_PAGE: Final = Path(__file__).parent.with_name("test_page.html")
_TEST_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    # The icon is an empty data URL, lest the browser ask for /favicon.ico.
    "img-src data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CONSOLE: Final = _TEST_PAGE.with_name("console")
_CONSOLE_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
}
_CONSOLE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /health` answers."""

    status: str
    """`up` or `down`."""
    store: str
    """Which store was asked."""


_HEALTH = {"application/json": {"schema": add_shape(Health)}}


@router.get(
    "/health",
    responses={
        200: {"description": "the store answers", "content": _HEALTH},
        503: {"description": "the store does not answer", "content": _HEALTH},
    },
)
async def get_health() -> Response:
    """Tell whether the connection store answers: 200, else 503."""
    wired = wiring.current()
    try:
        wired.store.ping()
    except CloudpushError as error:
        boundary.status_of(error)
        return answers.json(503, Health(status="down", store=wired.settings.store))
    return answers.json(200, Health(status="up", store=wired.settings.store))


@router.get("/", include_in_schema=False)
async def get_test_page() -> Response:
    """Return the test page where the deployment has one (TEST_PAGE)."""
    if not wiring.current().settings.has_test_page:
        raise HTTPException(404)
    headers = {"Content-Security-Policy": _TEST_PAGE_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(_TEST_PAGE.read_bytes(), headers=headers)


@router.get("/admin/", include_in_schema=False)
async def get_console() -> Response:
    """Return the operator's console, which asks `/v1` for all that it shows."""
    return _console_file("index.html")


@router.get("/admin/{name}", include_in_schema=False)
async def get_console_part(name: str) -> Response:
    """Return the console's script or style."""
    if name not in _CONSOLE_TYPES:
        raise HTTPException(404)
    return _console_file(name)


@functools.cache
def _console_file(name: str) -> Response:
    data = (_CONSOLE / name).read_bytes()
    return Response(data, headers=_CONSOLE_HEADERS, media_type=_CONSOLE_TYPES[name])

"""`/_gateway/`: the page that shows what happens, which `pages/inspector` is the source of.

What it consists of is no secret. What it shows and does comes from the resources beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_gateway.own import Elsewhere, File, Resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

BUNDLE: Final = Path(__file__).with_name("bundle")
"""What `make pages` has written."""

_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
}

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content Security Policy Level 3. Nothing is loaded from elsewhere, nor run from a text."""

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def resources() -> list[Resource]:
    """Return what serves the page: `/`, and beside it its script and its style.

    Without its slash the page's address leads there: what stands beside it is relative to that.
    """
    return [
        Resource("", is_public=True, GET=_lead),
        *(
            Resource(
                "/" if name == "index.html" else f"/{name}", is_public=True, GET=_serving(name)
            )
            for name in _TYPES
        ),
    ]


async def _lead(_body: object, _path: Sequence[str]) -> object:
    return Elsewhere("/_gateway/")


def _serving(name: str) -> Callable[[object, Sequence[str]], Awaitable[object]]:
    data = (BUNDLE / name).read_bytes()

    async def get(_body: object, _path: Sequence[str]) -> object:
        return File(data, _TYPES[name], HEADERS)

    return get

"""What a test sends and no log may have: tokens, keys, contents that are long enough to tell."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import httpx

LEAST_LENGTH: Final = 12
"""A shorter text may stand in a log by chance."""


class Canaries:
    """Collects them as they go out; `found_in` looks for them."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def heed_credential(self, credential: str) -> None:
        """Take a token or a key. Of a JWT, its head is the same in all of them and no secret."""
        parts = credential.split(".")
        self._texts.update(parts[1:] if len(parts) > 1 else parts)

    def heed_envelope(self, envelope: object) -> None:
        """Take the content of what is pushed, over HTTP or WebSocket, wherever it stands in it."""
        if isinstance(envelope, dict):
            for name, value in cast("dict[str, Any]", envelope).items():
                if name == "msg":
                    self._texts.update(_texts_in(value))
                else:
                    self.heed_envelope(value)
        elif isinstance(envelope, list):
            for item in cast("list[object]", envelope):
                self.heed_envelope(item)

    async def heed_request(self, request: httpx.Request) -> None:
        """Take what a request brings."""
        for name in ("authorization", "x-api-key"):
            if name in request.headers:
                self.heed_credential(request.headers[name].removeprefix("Bearer "))
        try:
            self.heed_envelope(json.loads(request.content))
        except (ValueError, RecursionError):
            return

    def found_in(self, log: str) -> list[str]:
        """Return those that the log has."""
        return sorted(text for text in self._texts if len(text) >= LEAST_LENGTH and text in log)


def traces_in(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Go through the traces of what functions did, and of the records that they sent."""
    for row in rows:
        if "trace" in row:
            yield row["trace"]
        yield from row.get("sentBy", [])
        yield from re.findall(r'"AWSTraceHeader": ?"([^"]*)', row.get("event", ""))


def places_of(canaries: Sequence[str], rows: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return in which fields of which kinds of rows there are canaries."""
    places: set[tuple[str, str]] = set()
    for row in rows:
        text = json.dumps(row)
        found = [each for each in canaries if each in text]
        places |= {
            (row["kind"], name)
            for name, value in row.items()
            if any(each in json.dumps(value) for each in found)
        }
    return places


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            yield name
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts_in(item)

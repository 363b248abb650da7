"""Signed requests to `execute-api`: refused as on AWS, or let pass with a line that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway import clock, why
from local_gateway.authorization.errors import MissingAuthenticationToken, SignatureError
from local_gateway.authorization.signature import Credentials, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_gateway.authorization.signature import SentRequest

_LOOKS: Final = 32


class Signatures:
    """The credentials whose signatures count, and what is done about the others."""

    __slots__ = ("_known", "_looks", "_region", "_why", "is_strict")

    def __init__(self, *, region: str, is_strict: bool, says: why.Why) -> None:
        """Begin without credentials; unless `is_strict` a wrong signature is let pass."""
        self._known: dict[tuple[str, str | None], Credentials] = {}
        self._region = region
        self.is_strict = is_strict
        self._why = says
        self._looks = _LOOKS

    def know(self, credentials: Iterable[Credentials]) -> None:
        """Let these credentials count from now on, and no others."""
        self._known = {(each.access_key, each.session_token): each for each in credentials}

    def check(self, request: SentRequest, place: str) -> Credentials | None:
        """Return whose signature it is, None if it is nobody's and let pass.

        Raises:
            SignatureError: It is nobody's, and that counts.
        """
        try:
            # Whoever signs has the machine's clock, wherever the emulated time is.
            now_ms = clock.machine_ms()
            return verify(request, self._known, region=self._region, now_ms=now_ms)
        except MissingAuthenticationToken:
            if self.is_strict:
                raise
            self._why.say(why.UNSIGNED, place)
        except SignatureError as error:
            if self.is_strict:
                raise
            self._why.say(why.WRONG_SIGNATURE, place, problem=error)
        return None

    def is_due(self) -> bool:
        """Tell whether another post should be looked at: all of them, or the first few.

        Who signs wrong does it always, so that the first few tell; a look costs as much as ten
        posts.
        """
        if self.is_strict:
            return True
        self._looks -= self._looks > 0
        return self._looks > 0

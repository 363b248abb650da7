"""What the signatures of tokens are verified with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt import PyJWK


class SigningKeys(Protocol):
    """What the signatures of tokens are verified with: keys of one algorithm, and of no other."""

    def find(self, key_id: str | None) -> Sequence[PyJWK]:
        """Return the keys that may have signed a token with this `kid`; none is an answer.

        They are fetched when first asked for, and kept for minutes.

        Raises:
            SecretUnavailable, KeysUnavailable, ConfigurationWrong: they could not be fetched.
        """
        ...

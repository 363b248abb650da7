"""A secret by reference: read when it is first needed, and again after some minutes.

    arn:…:secretsmanager:…:secret:NAME    Secrets Manager; its id is that of the version
    arn:…:ssm:…:parameter/NAME            Parameter Store; its id is the number of the version
    plain:TEXT                            the text itself: on the local gateway alone

So a secret stands in no template, in no parameter and in no variable of a function, and a new
version of it is used without a deployment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from cloudpush.errors import ConfigurationWrong, SecretUnavailable
from cloudpush.settings import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

KEEP_MS: Final = 5 * 60 * 1000
"""How long a version is used before a newer one is looked for."""

_ARN_PARTS: Final = 6
_REFUSED: Final = frozenset(
    {
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidRequestException",
        "ParameterNotFound",
        "ResourceNotFoundException",
        "ValidationException",
    }
)
"""What is so until somebody changes a policy or the secret."""


class Secret(msgspec.Struct, frozen=True):
    """One version of a secret."""

    version: str
    text: str

    def __repr__(self) -> str:
        """Return the version alone: a representation ends in logs."""
        return f"Secret({self.version!r})"


class SecretReference:
    """One secret, kept for some minutes.

    Args:
        reference: as above.
        client: makes botocore's client of a service; not called for a plain one.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self, reference: str, *, client: Callable[[str], Any], clock: Callable[[], int]
    ) -> None:
        self._reference = reference
        self._client = client
        self._clock = clock
        self._kept: Secret | None = None
        self._kept_until_ms = 0

    def read(self) -> Secret:
        """Return the current version; one that was read before as long as no newer can be.

        Raises:
            ConfigurationWrong: the reference is none, or what it names may not be read.
            SecretUnavailable: the service does not answer, and nothing was read before.
        """
        if self._kept is not None and self._clock() < self._kept_until_ms:
            return self._kept
        try:
            self._kept = self._look_up()
        except SecretUnavailable:
            if self._kept is None:
                raise
        self._kept_until_ms = self._clock() + KEEP_MS
        return self._kept

    def _look_up(self) -> Secret:
        if self._reference.startswith(PLAIN):
            return Secret("plain", self._reference.removeprefix(PLAIN))
        try:
            match self._reference.split(":", _ARN_PARTS - 1):
                case ["arn", _, "secretsmanager", _, _, _]:
                    found = self._client("secretsmanager").get_secret_value(
                        SecretId=self._reference
                    )
                    return Secret(found["VersionId"], _text_of(found))
                case ["arn", _, "ssm", _, _, _]:
                    found = self._client("ssm").get_parameter(
                        Name=self._reference, WithDecryption=True
                    )["Parameter"]
                    return Secret(str(found["Version"]), found["Value"])
                case _:
                    raise ConfigurationWrong(
                        "a secret is referred to by the ARN of a secret or of a parameter"
                    )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _REFUSED:
                raise ConfigurationWrong(f"the secret cannot be read: {code}") from error
            raise SecretUnavailable(f"the secret was not read: {code}") from error
        except BotoCoreError as error:
            raise SecretUnavailable(f"the secret was not read: {error}") from error


def _text_of(found: dict[str, Any]) -> str:
    text: str | None = found.get("SecretString")
    if text is None:
        raise ConfigurationWrong("the secret is binary; a text is needed")
    return text

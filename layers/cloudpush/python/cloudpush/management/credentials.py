"""Who signs a post: botocore's credentials, found when the first post needs them.

botocore is imported on first use and not with this module: a function that never posts, or
a test that brings its own credentials, does not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from cloudpush.errors import ConfigurationWrong, GatewayUnavailable

if TYPE_CHECKING:
    from botocore.session import Session


class FrozenCredentials(Protocol):
    """One consistent set; botocore's `ReadOnlyCredentials` is one."""

    @property
    def access_key(self) -> str:
        """The access key id."""
        ...

    @property
    def secret_key(self) -> str:
        """The secret access key."""
        ...

    @property
    def token(self) -> str | None:
        """The session token of temporary credentials; on Lambda there always is one."""
        ...


class Credentials(Protocol):
    """A source that may refresh itself; botocore's `Credentials` is one."""

    def get_frozen_credentials(self) -> FrozenCredentials:
        """Return what is valid now.

        Raises:
            ConfigurationWrong: there are none.
            GatewayUnavailable: they could not be refreshed.
        """
        ...


class ChainCredentials:
    """The credentials that botocore's chain finds: environment, profile, container, instance.

    On Lambda they come from environment variables and asking for them costs a microsecond.
    Elsewhere they may expire, and the call that finds them expired waits for the refresh: the
    event loop with it, some milliseconds once in an hour.
    """

    def __init__(self, session: Session | None = None) -> None:
        self._session = session
        self._found: Credentials | None = None

    def get_frozen_credentials(self) -> FrozenCredentials:
        """Return what is valid now; the first call runs the chain."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 — only who signs pays

        try:
            if self._found is None:
                self._found = self._find()
            return self._found.get_frozen_credentials()
        except BotoCoreError as error:
            raise GatewayUnavailable(f"AWS credentials cannot be had: {error}") from error

    def _find(self) -> Credentials:
        if self._session is None:
            from botocore.session import get_session  # noqa: PLC0415 — only who signs pays

            self._session = get_session()
        # botocore's own annotations leave out the None of a chain that ends without success.
        found = cast("Credentials | None", self._session.get_credentials())
        if found is None:
            raise ConfigurationWrong("there are no AWS credentials to sign posts with")
        return found

"""The parts of the emulator that a changed template concerns, and how they take it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from local_gateway import endpoints
from local_gateway.errors import TemplateError
from local_gateway.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local_gateway.api import Application, Stage, WebSocketApi
    from local_gateway.authorization.access import Access
    from local_gateway.lambdas.functions import Functions
    from local_gateway.privileges.record import CallRecord
    from local_gateway.reload.difference import Difference
    from local_gateway.services import Services
    from local_gateway.session import WebSocketFront

_Held = TypeVar("_Held", bound="Stoppable")


class Stoppable(Protocol):
    """What can be stopped."""

    async def stop(self) -> None:
        """Stop."""
        ...


class Swappable(Generic[_Held]):
    """Holds what is replaced as a whole."""

    def __init__(self, held: _Held) -> None:
        """Take the first."""
        self.held = held

    async def stop(self) -> None:
        """Stop what is held at the time."""
        await self.held.stop()


class Front(Protocol):
    """A part that keeps nothing of a template but an index."""

    def reload(self, application: Application) -> None:
        """Serve a changed template from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is running."""

    access: Access
    functions: Functions
    sockets: WebSocketFront
    fronts: Sequence[Front]
    places: dict[bytes, tuple[WebSocketApi, Stage]]
    """See `endpoints.places`; the server holds this very dictionary."""
    sources: Swappable[Sources]
    services: Services
    environment: dict[str, str]
    """What every function gets; new environments read it."""
    redirect: Callable[[Application], str]
    port: int
    record: CallRecord | None

    async def take_up(self, application: Application, difference: Difference) -> None:
        """Serve a changed template.

        Raises:
            TemplateError: It can't be served; nothing has been changed then.
        """
        self.access.reload(application)
        try:
            compiled = self.sockets.compile(application)
            sources = Sources(application, self.functions, self.services, self.record)
            await self.services.provision_more(application)
        except TemplateError:
            self.access.reload(self.functions.application)
            raise
        self.environment.update(endpoints.own_endpoints(application, self.port))
        self.functions.reload(
            application, difference.functions, redirect=self.redirect(application)
        )
        for front in self.fronts:
            front.reload(application)
        self.places.clear()
        self.places.update(endpoints.places(application))
        self.sockets.reload(compiled)
        if difference.has_new_sources:
            await self.sources.stop()
            self.sources.held = sources
            await sources.start()

"""The parts of the emulator that a changed template concerns, and how they take it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local_gateway import endpoints
from local_gateway.errors import TemplateError
from local_gateway.sources import check_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local_gateway.api import Application, Stage, WebSocketApi
    from local_gateway.authorization.access import Access
    from local_gateway.lambdas.functions import Functions
    from local_gateway.reload.difference import Difference
    from local_gateway.services import Services
    from local_gateway.session import WebSocketFront
    from local_gateway.sources import Sources


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
    sources: Sources
    services: Services
    environment: dict[str, str]
    """What every function gets; new environments read it."""
    redirect: Callable[[Application], str]
    port: int

    async def take_up(self, application: Application, difference: Difference) -> None:
        """Serve a changed template.

        Raises:
            TemplateError: It can't be served; nothing has been changed then.
        """
        self.access.reload(application)
        try:
            compiled = self.sockets.compile(application)
            check_sources(application)
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
        self.sources.reload(application)

"""`serve`: a template, served for the length of a `with` block."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_gateway.configuration import Options
from local_gateway.errors import StartError, TemplateError
from local_gateway.testing.asynchronous import Gateway
from local_gateway.testing.blocking import BlockingGateway
from local_gateway.testing.core import Core
from local_gateway.testing.thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__tracebackhide__ = True
"""pytest shows the line of the test that failed, and none of these."""


class serve:  # noqa: N801 — used as a function is
    """Serve a template on a free port, with a clock that moves only when the test says so.

        async with serve("template.yaml") as gateway:
            client = await gateway.connect()

        with serve("template.yaml") as gateway:
            client = gateway.connect()

    Raises, when the block begins:
        TemplateError: The template is wrong, or asks for what isn't emulated.
        StartError: A function or an embedded server did not start.
    """

    def __init__(
        self,
        template: str | Path,
        *,
        parameters: Mapping[str, str] | None = None,
        environment: Mapping[str, Mapping[str, str]] | None = None,
        virtual_clock: bool = True,
        **options: Any,  # noqa: ANN401 — of Options
    ) -> None:
        """Take what to serve.

        Args:
            template: Its file.
            parameters: Values of its parameters.
            environment: Variables by logical id of the function, `Parameters` for all, as
                `--env-vars` has them.
            virtual_clock: Whether time stands still between advances.
            options: More fields of `local_gateway.configuration.Options`.
        """
        self._options = Options(
            template=Path(template),
            port=0,
            parameters=parameters or {},
            environment=environment or {},
            virtual_clock=virtual_clock,
            **options,
        )

    @property
    def gateway(self) -> Gateway:
        """Return what `async with` does, of a block that was begun with `with`."""
        return Gateway(self._core, self._thread)

    def __enter__(self) -> BlockingGateway:
        """Start, and wait for it."""
        self._begin()
        try:
            self._thread.ask_blocking(self._core.start())
        except (TemplateError, StartError) as error:
            self._thread.release()
            raise error.with_traceback(None) from None  # its text says all
        except BaseException:
            self._thread.release()
            raise
        return BlockingGateway(self._core, self._thread)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and wait for it."""
        self._thread.ask_blocking(self._core.stop())
        self._thread.release()

    async def __aenter__(self) -> Gateway:
        """Start."""
        self._begin()
        try:
            await self._thread.ask(self._core.start())
        except (TemplateError, StartError) as error:
            self._thread.release()
            raise error.with_traceback(None) from None
        except BaseException:
            self._thread.release()
            raise
        return self.gateway

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self._thread.ask(self._core.stop())
        self._thread.release()

    def _begin(self) -> None:
        self._core = Core(self._options)
        self._thread = LoopThread.acquire()

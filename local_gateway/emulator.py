"""The emulator's life: its parts are started in order and stopped in the reverse one.

What takes long starts first: moto imports in its child while the template is translated here.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_gateway import clock, debugging, endpoints, redirect
from local_gateway import why as reasons
from local_gateway.assembly import assemble
from local_gateway.banner import write_banner
from local_gateway.browsers import BLOCKED_BY_BROWSERS, is_cross_site, is_for_this_machine
from local_gateway.errors import StartError
from local_gateway.handlers import check_handlers
from local_gateway.lambdas.interpreters import Interpreters
from local_gateway.lambdas.runtimes import find_interpreters
from local_gateway.privileges.record import CallRecord
from local_gateway.reload.parts import Parts
from local_gateway.reload.reloader import Reloader
from local_gateway.server import Server
from local_gateway.services import EmbeddedValkey, Services
from local_gateway.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Application
    from local_gateway.configuration import Options
    from local_gateway.faults import Faults
    from local_gateway.lambdas.functions import Functions
    from local_gateway.management import ManagementApi
    from local_gateway.registry import Registry
    from local_gateway.server import Headers
    from local_gateway.timekeeping import Timekeeper
    from local_gateway.why import Why

EMBEDDED_VALKEY = "embedded:valkey"
"""A parameter with this value gets the URL of a Valkey server that the emulator starts."""

STOP_SECONDS = 2.8
"""When a stop has taken this long, what still runs is left to die with the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The parts of an emulator that runs, for those who drive it from Python."""

    functions: Functions
    registry: Registry
    management: ManagementApi
    timekeeper: Timekeeper
    faults: Faults

    @property
    def application(self) -> Application:
        """What is served at this moment."""
        return self.functions.application


class Emulator:
    """One emulator: `start`, then `stop`; neither twice."""

    def __init__(
        self,
        options: Options,
        *,
        write_log: Callable[[str], None],
        why: Why,
    ) -> None:
        """Take the options, what takes the functions' log lines, and who is told of surprises."""
        self._options = options
        self._write_log = write_log
        self._why = why
        self._stack = contextlib.AsyncExitStack()
        self._valkey: EmbeddedValkey | None = None
        self._services = Services(options.identity, record_calls=options.record_calls)
        self._record: CallRecord | None = None
        self._interpreters = Interpreters()
        self._debug_ports: Mapping[str, int] = {}
        self._parameters: Mapping[str, str] = options.parameters
        self._is_serving = False
        self._token = secrets.token_urlsafe(16)
        self._reloader: Reloader | None = None
        self.running: Running
        """Its parts, once started."""
        self.banner = ""
        """What was started, as a text for a terminal."""
        self.port = options.port
        """Where it listens, once started."""

    @property
    def inspector_url(self) -> str:
        """Return the address of the inspector's page, with its token."""
        return f"http://127.0.0.1:{self.port}/_gateway/#token={self._token}"

    async def reload(self) -> None:
        """Take up the template and the code as they are now, whether they have changed or not."""
        if self._reloader is not None:
            await self._reloader.reload()

    async def start(self) -> None:
        """Start everything; when it returns, requests are served and queues are polled.

        Raises:
            TemplateError: The template is wrong, or asks for what isn't emulated.
            StartError: A function, an embedded server or the port is not to be had.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything within 3 s, in the reverse order; nothing is left running."""
        self._is_serving = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._stack.aclose()

    async def _start(self) -> None:
        options = self._options
        clock.join(frozen=options.virtual_clock)
        self._stack.callback(clock.leave)
        self._begin_record()
        self._services.launch()
        self._stack.push_async_callback(self._services.stop)
        application = self._load()
        self._explain_deployments(application)
        provisioning = asyncio.create_task(self._services.provision(application))
        try:
            await self._serve(application, provisioning)
        finally:
            provisioning.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await provisioning
        self.banner = write_banner(
            application,
            host=options.host,
            port=self.port,
            services=self._stand_ins(application),
            debuggees=self._debuggees(application),
            token=self._token,
        )
        self._is_serving = True

    def _begin_record(self) -> None:
        file = self._options.record_calls
        if file is None:
            return
        try:
            self._record = CallRecord.begin(file)
        except OSError as error:
            raise StartError(f"--record-calls {file}: {error.strerror}") from error
        self._stack.callback(self._record.close)

    def _load(self) -> Application:
        options = self._options
        parameters = dict(options.parameters)
        wanting = [name for name, value in parameters.items() if value == EMBEDDED_VALKEY]
        if wanting:
            self._valkey = EmbeddedValkey(state_dir=options.state_dir)
            self._stack.callback(self._valkey.stop)
            parameters |= dict.fromkeys(wanting, self._valkey.start())
        self._parameters = parameters
        application = self._load_again()
        self._tell_strangers(application)
        self._interpreters = find_interpreters(application, options.pythons)
        check_handlers(application, self._interpreters)
        self._debug_ports = debugging.choose_ports(options.debug, application, options.host_mode)
        return application

    def _tell_strangers(self, application: Application) -> None:
        """Say which variables reach nothing, since their function is misspelt or of elsewhere."""
        names = {each.name for each in application.functions.values()}
        known = {"Parameters", *application.functions, *names}
        for stranger in sorted(self._options.environment.keys() - known):
            self._write_log(
                f"environment variables for {stranger}: the template has no such function"
            )

    def _load_again(self) -> Application:
        """Read the template as it is now."""
        options = self._options
        application = load(
            options.template,
            parameters=self._parameters,
            identity=options.identity,
            cache_dir=options.cache_dir,
            env_vars=options.environment,
            imports=options.imports,
        )
        return debugging.without_timeouts(application, options.debug)

    def _explain_deployments(self, application: Application) -> None:
        for api in application.websocket_apis.values():
            for stage in api.stages.values():
                if stage.missing_routes:
                    routes = ", ".join(stage.missing_routes)
                    self._why.say(
                        reasons.DEPLOYMENT_MISSES_ROUTE, f"stage {stage.name}", routes=routes
                    )

    async def _serve(self, application: Application, provisioning: asyncio.Task[None]) -> None:
        options = self._options
        environment: dict[str, str] = {}
        assembly = assemble(
            application,
            options,
            environment=environment,
            interpreters=self._interpreters,
            debug_ports=self._debug_ports,
            services=self._services,
            record=self._record,
            token=self._token,
            is_up=self._parts,
            port=lambda: self.port,
            write_log=self._write_log,
            why=self._why,
        )
        functions, sources = assembly.functions, assembly.sources
        self.running = Running(
            functions=functions,
            registry=assembly.registry,
            management=assembly.management,
            timekeeper=assembly.timekeeper,
            faults=assembly.faults,
        )
        places = dict(endpoints.places(application))
        server = Server(
            assembly.app,
            host=options.host,
            port=options.port,
            direct=assembly.management.answer_directly(places, admits=self._admits),
        )
        assembly.timekeeper.start()
        self._stack.callback(assembly.timekeeper.stop)
        self._stack.push_async_callback(functions.stop)
        self._stack.push_async_callback(assembly.sockets.close)
        self._stack.push_async_callback(assembly.invoke.stop)
        self._stack.push_async_callback(assembly.http.stop)
        # The port first: a second emulator on it is told at once, not when all else is up.
        await server.start()
        self._stack.push_async_callback(server.stop)
        self._stack.callback(assembly.feed.stop)
        self._stack.push_async_callback(assembly.acting.stop)
        self.port = server.port
        if self.port in BLOCKED_BY_BROWSERS:
            self._why.say(reasons.BLOCKED_PORT, f"port {self.port}")
        await provisioning
        environment |= self._services.environment
        environment |= endpoints.own_endpoints(application, self.port)
        await functions.start(redirect=self._redirect(application, environment))
        assembly.faults.set(options.faults)
        await sources.start()
        self._stack.push_async_callback(sources.stop)
        prewarming = asyncio.create_task(functions.prewarm())
        self._stack.callback(prewarming.cancel)
        parts = Parts(
            access=assembly.access,
            functions=functions,
            sockets=assembly.sockets,
            fronts=(assembly.management, assembly.http, assembly.invoke, assembly.app),
            places=places,
            sources=sources,
            services=self._services,
            environment=environment,
            redirect=lambda new: self._redirect(new, environment),
            port=self.port,
        )
        self._reloader = self._new_reloader(application, parts)
        if options.is_watching:
            self._watch(self._reloader)

    def _redirect(self, application: Application, environment: Mapping[str, str]) -> str:
        """Return what the hooks into the AWS SDKs get; empty: there are none."""
        if not self._options.is_redirecting_sdks:
            return ""
        return redirect.write(application, f"http://127.0.0.1:{self.port}", environment)

    def _new_reloader(self, application: Application, parts: Parts) -> Reloader:
        return Reloader(
            application,
            load=self._load_again,
            functions=parts.functions,
            take_up=parts.take_up,
            keeps_snapshots=self._options.keeps_snapshots,
            say=self._write_log,
            why=self._why,
        )

    def _watch(self, reloader: Reloader) -> None:
        """Take up what changes on disk until the stop."""
        watching = asyncio.create_task(reloader.run(), name="reload")

        async def stop() -> None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        self._stack.push_async_callback(stop)

    def _admits(self, headers: Headers) -> bool:
        """Apply to posts that are answered directly what `App` checks of all others."""
        is_for_us = self._options.allow_remote or is_for_this_machine(headers)
        return is_for_us and not is_cross_site(headers)

    def _parts(self) -> Mapping[str, bool]:
        parts = {"gateway": self._is_serving}
        if self._services.environment:
            parts["services"] = self._services.is_running
        if self._valkey is not None:
            parts["valkey"] = self._valkey.is_running
        return parts

    def _stand_ins(self, application: Application) -> Mapping[str, str]:
        stand_ins: dict[str, str] = {}
        if application.queues:
            stand_ins["SQS"] = f"moto at {self._services.url}"
        if application.tables:
            stand_ins["DynamoDB"] = f"moto at {self._services.url}"
        if self._valkey is not None:
            stand_ins["Redis"] = f"Valkey at {self._valkey.url}"
        return stand_ins

    def _debuggees(self, application: Application) -> Mapping[str, str]:
        functions = application.functions
        return {
            name: debugging.describe(functions[name], port)
            for name, port in self._debug_ports.items()
        }

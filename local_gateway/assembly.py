"""The parts of the emulator, put together as the options say; none of them is started here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_gateway import own_resources
from local_gateway.app import App
from local_gateway.authorization.access import Access
from local_gateway.faults import Faults
from local_gateway.http_api import HttpApiFront
from local_gateway.inspector import page
from local_gateway.inspector.acting import Acting
from local_gateway.inspector.feed import Feed
from local_gateway.inspector.journal import Journal
from local_gateway.inspector.metering import Meter
from local_gateway.lambdas.functions import Functions
from local_gateway.lambdas.invoke_api import InvokeApi
from local_gateway.limits import TokenBucket
from local_gateway.management import ManagementApi
from local_gateway.metrics import Metrics
from local_gateway.mischief import Mischief
from local_gateway.own import OwnPages
from local_gateway.registry import Registry
from local_gateway.session import SLOT_SECONDS, WebSocketFront
from local_gateway.sources import Sources
from local_gateway.timekeeping import Timekeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Application
    from local_gateway.configuration import Options
    from local_gateway.lambdas.interpreters import Interpreters
    from local_gateway.privileges.record import CallRecord
    from local_gateway.services import Services
    from local_gateway.why import Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Everything that serves an application."""

    functions: Functions
    registry: Registry
    access: Access
    sockets: WebSocketFront
    management: ManagementApi
    http: HttpApiFront
    invoke: InvokeApi
    sources: Sources
    timekeeper: Timekeeper
    faults: Faults
    feed: Feed
    acting: Acting
    app: App


def assemble(  # noqa: PLR0913 — the emulator's own, which its parts share
    application: Application,
    options: Options,
    *,
    environment: Mapping[str, str],
    interpreters: Interpreters,
    debug_ports: Mapping[str, int],
    services: Services,
    record: CallRecord | None,
    token: str,
    is_up: Callable[[], Mapping[str, bool]],
    port: Callable[[], int],
    write_log: Callable[[str], None],
    why: Why,
) -> Assembly:
    """Put the parts together.

    Args:
        application: What is served first.
        options: How.
        environment: Variables of every function, read when an environment starts.
        interpreters: What runs which runtime.
        debug_ports: Where a debugger attaches, by logical id.
        services: The embedded servers; their addresses are known once they run.
        record: Takes the calls of `@connections` and the Invoke API, if they are wanted.
        token: Opens the emulator's own pages.
        is_up: Tells which part is up, for `/_gateway/health`.
        port: Where the server listens, once it does.
        write_log: Takes the functions' lines.
        why: Is told of surprises.
    """
    metrics, journal = Metrics(), Journal()
    why.hear = journal.explained
    functions = Functions(
        application,
        environment=environment,
        max_concurrency=options.max_concurrency,
        host_mode=options.host_mode,
        interpreters=interpreters,
        debug_ports=debug_ports,
        write_log=journal.reading(metrics.reading(write_log, passes_on=options.shows_metrics)),
        why=why,
        journal=journal,
    )
    registry = Registry()
    access = Access(
        application,
        is_strict=options.strict_auth,
        keeps_context_types=options.assumptions.authorizer_context == "types",
        credentials=options.credentials,
        says=why,
    )
    account_rate = _bucket(options.account_rate)
    sockets = WebSocketFront(
        application,
        functions,
        registry,
        idle_timeout_seconds=options.idle_timeout_seconds,
        max_duration_seconds=options.max_duration_seconds,
        slot_seconds=0.0 if options.virtual_clock else SLOT_SECONDS,
        connect_rate=_bucket(options.connect_rate),
        account_rate=account_rate,
        services_url=lambda: services.url,
        gateway_url=lambda: f"http://127.0.0.1:{port()}",
        access=access,
        assumptions=options.assumptions,
        why=why,
        journal=journal,
    )
    management = ManagementApi(
        application,
        registry,
        account_rate=account_rate,
        access=access,
        assumptions=options.assumptions,
        why=why,
        journal=journal,
        record=record,
    )
    http = HttpApiFront(application, functions)
    invoke = InvokeApi(application, functions, record=record)
    sources = Sources(application, functions, services, record)
    timekeeper = Timekeeper(
        running=lambda: functions.running() | sources.running(),
        followers=services,
        why=why,
        has_functions=bool(application.functions),
    )
    faults = Faults()
    Mischief(
        faults,
        functions=functions,
        sockets=sockets,
        management=management,
        registry=registry,
        sources=sources,
    )

    def current() -> Application:
        return functions.application

    feed = Feed(journal)
    acting = Acting(
        current,
        management=management,
        journal=journal,
        url=lambda: f"ws://127.0.0.1:{port()}",
    )
    own = OwnPages(
        *page.resources(),
        *feed.resources(),
        *acting.resources(),
        Meter(journal, current).resource(),
        own_resources.health(is_up),
        own_resources.the_clock(timekeeper),
        own_resources.the_faults(faults),
        own_resources.connections(registry, current),
        own_resources.the_template(current),
        own_resources.recycling(functions, current),
        own_resources.why_lines(why),
        own_resources.metrics(metrics),
        token=token,
    )
    app = App(
        application,
        sockets=sockets,
        management=management,
        http=http,
        invoke=invoke,
        own=own,
        assumptions=options.assumptions,
        allow_remote=options.allow_remote,
        allowed_origins=options.allowed_origins,
        why=why,
    )
    return Assembly(
        functions=functions,
        registry=registry,
        access=access,
        sockets=sockets,
        management=management,
        http=http,
        invoke=invoke,
        sources=sources,
        timekeeper=timekeeper,
        faults=faults,
        feed=feed,
        acting=acting,
        app=app,
    )


def _bucket(per_second: float) -> TokenBucket | None:
    """Return the bucket of a rate, None if 0 turns it off."""
    return TokenBucket(per_second) if per_second else None

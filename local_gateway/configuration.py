"""What can be chosen when the emulator is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_gateway import limits
from local_gateway.api import Identity
from local_gateway.assumptions import DEFAULTS, Assumptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_gateway.authorization.signature import Credentials
    from local_gateway.lambdas.hosting import HostMode
    from local_gateway.lambdas.interpreters import Interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line, or a test, asks for."""

    template: Path
    host: str = "127.0.0.1"
    port: int = 3000
    """0 is any free one."""
    identity: Identity = field(default_factory=Identity)
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    environment: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict[str, "Mapping[str, str]"]
    )
    """`--env-vars`: by logical id; `Parameters` is for every function that has the variable."""
    imports: Mapping[str, str] = field(default_factory=dict[str, str])
    """`--import`: what the template takes from elsewhere."""
    idle_timeout_seconds: float = limits.IDLE_TIMEOUT_SECONDS
    max_duration_seconds: float = limits.MAX_DURATION_SECONDS
    connect_rate: float = limits.CONNECT_RATE
    """Per second; 0 is unlimited."""
    strict_auth: bool = False
    """Whether requests without a valid signature, and functions without a permission for API
    Gateway, are refused as on AWS."""
    credentials: tuple[Credentials, ...] = ()
    """Whose signatures count, beside the functions' own."""
    account_rate: float = 0.0
    """Per second; 0 is unlimited."""
    max_concurrency: int = 16
    host_mode: HostMode = "environments"
    debug: Mapping[str, int | None] = field(default_factory=dict[str, "int | None"])
    """`--debug`: the functions that a debugger can attach to, and at which port; None is the usual
    one, 0 any free one."""
    pythons: Mapping[str, Interpreter] = field(default_factory=dict[str, "Interpreter"])
    """By version, `3.12`: what functions for it run on."""
    state_dir: Path | None = None
    cache_dir: Path | None = None
    allow_remote: bool = False
    allowed_origins: frozenset[str] = frozenset()
    shows_metrics: bool = True
    """Whether log lines in the embedded metric format are passed on, beside being added up."""
    is_redirecting_sdks: bool = True
    """Whether calls of AWS SDKs are kept on this machine."""
    is_watching: bool = False
    """Whether changes of the template and of code are taken up while it runs."""
    keeps_snapshots: bool = False
    """Whether a stage without AutoDeploy goes on with its routes until its deployment is new."""
    faults: Mapping[str, float] = field(default_factory=dict[str, float])
    """`--fault`: by name, as in the table of `faults`."""
    virtual_clock: bool = False
    """Time moves only when it is told to."""
    record_calls: Path | None = None
    """`--record-calls`: where each call of AWS by a function is written, once."""
    assumptions: Assumptions = DEFAULTS
    """`--assume`."""

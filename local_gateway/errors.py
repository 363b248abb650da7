"""Every error that the emulator raises on purpose: the template author's fault, or ours.

TemplateError           the file is wrong or asks for what isn't emulated: exit code 2
├── UnsupportedFeature  AWS does it, this emulator doesn't
└── UnresolvedValue     an intrinsic function whose value can't be known locally
StartError              a function or an embedded server did not start: exit code 1
├── PortInUse           another process listens on the port
└── ClockShared         another emulator of this process has another kind of clock
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TemplateError(Exception):
    """What is wrong in a template: file, logical id, property, what was found, what is allowed."""

    def __init__(
        self,
        problem: str,
        *,
        file: Path | None = None,
        logical_id: str | None = None,
        path: str | None = None,
        allowed: str | None = None,
    ) -> None:
        """Take the facts: `problem` is what was found, `path` is dotted (`Properties.Handler`)."""
        self.problem = problem
        self.file = file
        self.logical_id = logical_id
        self.path = path
        self.allowed = allowed
        super().__init__(problem)

    def __str__(self) -> str:
        """Build the sentence: `template.yaml: Connect.Properties.Handler: … Supported: …`."""
        where = ".".join(part for part in (self.logical_id, self.path) if part)
        head = ": ".join(part for part in (str(self.file) if self.file else "", where) if part)
        text = f"{head}: {self.problem}" if head else self.problem
        end = "" if text.endswith("?") else "."
        return f"{text}{end} Supported: {self.allowed}." if self.allowed else f"{text}{end}"


class UnsupportedFeature(TemplateError):
    """AWS does it, this emulator doesn't: said at start-up, never a silent difference."""


class UnresolvedValue(TemplateError):
    """An intrinsic function whose value can't be known locally."""


class StartError(Exception):
    """A function or an embedded server did not start."""


class PortInUse(StartError):
    """Another process listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        """Take the address that was asked for."""
        self.host = host
        self.port = port
        super().__init__(
            f"port {port} on {host} is in use by another process; stop it, or choose another one "
            f"with --port (make dev PORT={port + 1})"
        )


class ClockShared(StartError):
    """Another emulator of this process has another kind of clock."""

    def __init__(self, *, is_frozen: bool) -> None:
        """Take whether the clock that is there is virtual."""
        self.is_frozen = is_frozen
        super().__init__(
            "the gateways of one process share one clock, which is "
            f"{'virtual' if is_frozen else 'not virtual'} already: stop the other one first"
        )

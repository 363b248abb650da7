"""Applications as a template would make them, with nothing in them but what a test names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local_gateway.api import Application, Identity


def an_application(**facts: Any) -> Application:  # noqa: ANN401 — of the model
    """Make an application with these facts; of all else it has nothing."""
    nothing: dict[str, Any] = {
        "template": Path("template.yaml"),
        "identity": Identity(),
        "functions": {},
        "websocket_apis": {},
        "http_apis": {},
        "queues": {},
        "tables": {},
        "queue_mappings": (),
        "schedules": (),
    }
    return Application(**{**nothing, **facts})

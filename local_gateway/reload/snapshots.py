"""Stages without AutoDeploy: they serve what was there when their deployment was made.

A deployment can't be changed on AWS. Routes and integrations that change later are served when the
stage gets another one, by a new logical id (DEPLOY-2); stage variables, throttles and functions
change at once.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_gateway.api import Application, WebSocketApi


def outdated(old: Application, new: Application) -> Iterator[tuple[str, str]]:
    """Go through the stages (API, name) for which AWS would go on with their old routes."""
    for logical_id, after in new.websocket_apis.items():
        before = old.websocket_apis.get(logical_id)
        if before is None or _routing(before) == _routing(after):
            continue
        for name, stage in after.stages.items():
            was = before.stages.get(name)
            is_same = was is not None and was.deployment == stage.deployment
            if is_same and stage.deployment is not None:
                yield logical_id, name


def keep(old: Application, new: Application) -> Application:
    """Return `new`, in which APIs with an outdated stage have the routes of `old`.

    The stages of one API that differ in that go together here: with the first that is outdated.
    """
    kept = {
        api: replace(
            new.websocket_apis[api],
            routes=old.websocket_apis[api].routes,
            route_selection_expression=old.websocket_apis[api].route_selection_expression,
        )
        for api, _ in outdated(old, new)
    }
    return replace(new, websocket_apis=MappingProxyType({**new.websocket_apis, **kept}))


def _routing(api: WebSocketApi) -> tuple[object, ...]:
    return dict(api.routes), api.route_selection_expression

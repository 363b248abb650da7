"""What the main job needs of AWS, and what it tells nobody, seen on a tour of all that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from cloudpush import clock
from local_gateway import template
from local_gateway.api import Identity
from local_gateway.privileges.comparison import Permission, compare
from tests.e2e.gateway_process import ROOT
from tests.e2e.tour import take, take_by_public_keys

if TYPE_CHECKING:
    from local_gateway.privileges.comparison import Privileges
    from tests.e2e.touring import Seen

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

DELETE: Final = ("execute-api:ManageConnections", "DELETE/@connections/*")
SEND: Final = "sqs:SendMessage"

NOT_ON_THE_TOUR: Final[dict[str, dict[tuple[str, str], str]]] = {
    "ConnectFunction": {
        ("dynamodb:GetItem", "table/Table"): "forgets the client whose greeting no queue took",
    },
    "MessageFunction": {
        DELETE: "closes who has acknowledged nothing for 93 s",
    },
    "FanOutFunction": {
        DELETE: "closes who has acknowledged nothing for 93 s",
    },
    "SweepFunction": {
        ("dynamodb:DeleteItem", "table/Table"): "hands over messages that are minutes late",
        (SEND, "FanOutQueue"): "hands over messages that are minutes late",
        (SEND, "DeliverQueue"): "has inboxes looked after whose job is 10 s late",
    },
}
"""What takes a failure, or a long time, by function, action and the end of the resource."""

SHOWS_CONTENT: Final = {
    ("handshake", "query"),
    ("handshake", "headers"),
    ("handshake", "summary"),
    ("message", "text"),
    ("message", "summary"),
    ("invocation", "event"),
    ("invocation", "answer"),
    ("post", "text"),
}
"""Where the inspector shows what came and went, by kind of row and field."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["dynamodb", "redis"])
async def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Take the tour on each store."""
    return await take(request.param, tmp_path_factory.mktemp("tour"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen_by_public_keys(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Take a part of the tour with the tokens of an identity provider."""
    return await take_by_public_keys(tmp_path_factory.mktemp("tour"))


def privileges_of(seen: Seen) -> dict[str, Privileges]:
    """Return how the roles of our template fit what was called, by function."""
    parameters = {"RedisUrl": "redis://redis.invalid/0", **seen.parameters}
    application = template.load(ROOT / "template.yaml", parameters=parameters, identity=Identity())
    found = compare(application, seen.calls, now_ms=clock.now_ms())
    return {each.function: each for each in found}


@pytest.fixture
def privileges(seen: Seen) -> dict[str, Privileges]:
    return privileges_of(seen)


def canaries_in(seen: Seen) -> dict[str, list[str]]:
    """Return what was found, by what it stands in."""
    found = {
        name: [each for each in seen.canaries if each in text]
        for name, text in seen.written.items()
    }
    return {name: each for name, each in found.items() if each}


def is_explained(function: str, permission: Permission) -> bool:
    return any(
        permission.action == action and permission.resource.endswith(resource)
        for action, resource in NOT_ON_THE_TOUR.get(function, ())
    )


async def test_every_role_is_known_and_allows_every_call(
    privileges: dict[str, Privileges],
) -> None:
    assert [name for name, each in privileges.items() if not each.is_known] == []
    assert {name: each.missing for name, each in privileges.items() if each.missing} == {}


async def test_no_role_allows_what_nobody_calls(privileges: dict[str, Privileges]) -> None:
    unused = {
        (name, permission)
        for name, each in privileges.items()
        for permission in each.unused
        if not is_explained(name, permission)
    }

    assert unused == set()


async def test_the_keys_of_a_provider_need_no_secret_and_every_call_is_allowed(
    seen_by_public_keys: Seen,
) -> None:
    found = privileges_of(seen_by_public_keys)

    assert {name: each.missing for name, each in found.items() if each.missing} == {}
    assert found["AuthorizeFunction"].unused == set()
    unused = {each.action for each in found["PushApiFunction"].unused}
    assert [each for each in unused if each.startswith(("secretsmanager:", "ssm:"))] == []


async def test_what_is_secret_is_written_passed_on_and_answered_nowhere(seen: Seen) -> None:
    assert canaries_in(seen) == {}
    assert "a job failed" in seen.written["log"]
    assert "Root=1-" in seen.written["what others are sent"]
    assert [name for name, text in seen.written.items() if not text] == []


async def test_nor_are_the_tokens_of_a_provider(seen_by_public_keys: Seen) -> None:
    assert canaries_in(seen_by_public_keys) == {}
    assert "/jwks.json" in seen_by_public_keys.written["what others are sent"]


async def test_the_inspector_shows_content_where_it_belongs(seen: Seen) -> None:
    assert seen.shown == SHOWS_CONTENT


async def test_what_is_explained_is_allowed() -> None:
    application = template.load(ROOT / "template.yaml", parameters={}, identity=Identity())
    without_calls = compare(application, (), now_ms=clock.now_ms())

    explained = {
        (each.function, action, resource)
        for each in without_calls
        for action, resource in NOT_ON_THE_TOUR.get(each.function, ())
        if any(
            permission.action == action and permission.resource.endswith(resource)
            for permission in each.unused
        )
    }

    assert explained == {
        (function, *named) for function, each in NOT_ON_THE_TOUR.items() for named in each
    }

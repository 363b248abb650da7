"""`@connections` in memory: says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from cloudpush.ports import Outcome, Post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


_CONNECTION_ID = re.compile(r"[A-Za-z0-9_=-]{1,128}")


class RecordingManagementApi:
    """A `ManagementApi` whose outcomes are scripted per connection.

    Each post to a connection takes the next outcome of that connection's list in `outcomes`;
    after the last one, and for a connection without a list, it is `SENT`. `deletions` is the
    same for `delete_connection`. What cannot be a connection id is `REFUSED`.
    """

    def __init__(
        self,
        outcomes: Mapping[str, Sequence[Outcome]] | None = None,
        *,
        deletions: Mapping[str, Sequence[Outcome]] | None = None,
    ) -> None:
        self._outcomes = {key: deque(script) for key, script in (outcomes or {}).items()}
        self._deletions = {key: deque(script) for key, script in (deletions or {}).items()}
        self.posts: list[Post] = []
        """Every post that was tried, whatever came of it, in the order in which they came."""
        self.before_posts: Callable[[], Awaitable[object]] | None = None
        """What the posts of a call wait for before they are made."""
        self.deleted: list[str] = []
        """Every connection id that `delete_connection` was called with, in order."""

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        """Record the posts and answer each with the next outcome of its connection."""
        del deadline_seconds  # nothing here takes time
        if self.before_posts is not None:
            await self.before_posts()
        self.posts.extend(posts)
        return [_next(self._outcomes, post.connection_id) for post in posts]

    async def delete_connection(self, connection_id: str) -> Outcome:
        """Record the id and answer with the next outcome of its deletions."""
        self.deleted.append(connection_id)
        return _next(self._deletions, connection_id)


def _next(scripts: Mapping[str, deque[Outcome]], connection_id: str) -> Outcome:
    if not _CONNECTION_ID.fullmatch(connection_id):
        return Outcome.REFUSED
    script = scripts.get(connection_id)
    return script.popleft() if script else Outcome.SENT

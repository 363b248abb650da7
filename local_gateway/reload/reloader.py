"""What is done about a change: a function's environments are replaced, or a template is taken up.

code changed        the functions that import it get new environments with their next event. Code
that doesn't parse is said once, and the environments keep what they loaded;
one that is started meanwhile fails, as it would on Lambda
template changed    it is read anew. If it is wrong, that is said, and the one before it stays;
else the difference is said, and what it touches is replaced
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from local_gateway import handlers
from local_gateway import why as reasons
from local_gateway.errors import StartError, TemplateError
from local_gateway.reload import snapshots
from local_gateway.reload.difference import compare
from local_gateway.reload.modules import concerned, folders_of
from local_gateway.reload.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from local_gateway.api import Application, Function
    from local_gateway.lambdas.interpreters import Interpreters
    from local_gateway.reload.difference import Difference
    from local_gateway.why import Why

_MOST_NAMES = 4


class Running(Protocol):
    """What runs the functions."""

    @property
    def interpreters(self) -> Interpreters:
        """What they run on."""
        ...

    def refresh(self, function: str) -> None:
        """Let a function's next event find what has changed on disk."""
        ...


class Reloader:
    """Watches one template and its code; `run` until it is cancelled."""

    def __init__(  # noqa: PLR0913 — what it is told by, and what it tells
        self,
        application: Application,
        *,
        load: Callable[[], Application],
        functions: Running,
        take_up: Callable[[Application, Difference], Awaitable[None]],
        keeps_snapshots: bool,
        say: Callable[[str], None],
        why: Why,
    ) -> None:
        """Take what is served.

        Args:
            application: The template as it was read at the start.
            load: Reads it again; raises TemplateError.
            functions: What runs its functions.
            take_up: Serves a changed template; raises TemplateError.
            keeps_snapshots: Whether a stage without AutoDeploy keeps its routes until its
                deployment is a new one.
            say: Takes a line for the developer.
            why: Is told where AWS would go on with what was deployed.
        """
        self._application = application
        self._declared = application
        """The template as it is written; stages of `_application` may be behind it."""
        self._load = load
        self._functions = functions
        self._take_up = take_up
        self._keeps_snapshots = keeps_snapshots
        self._say = say
        self._why = why
        self._broken: set[str] = set()

    async def run(self) -> None:
        """Take up changes, one batch after the other."""
        is_possible = True
        while is_possible:
            is_possible = await self._watch()

    async def _watch(self) -> bool:
        """Watch until there is something else to be watched; False if that can't be done."""
        application = self._declared
        folders = [f for each in application.functions.values() for f in folders_of(each)]
        watcher = Watcher(list(dict.fromkeys(folders)), self._files(), say=self._say)
        try:
            async with aclosing(watcher.changes()) as batches:
                async for changed in batches:
                    await self.handle(changed)
                    if self._declared is not application:
                        return True
        except OSError as error:
            self._say(f"reload: can't watch for changes, which now take a restart: {error}")
        return False

    async def reload(self) -> None:
        """Take up the template as it is, and let each function's next event be a cold start."""
        await self._reload_template()
        for name in self._application.functions:
            self._functions.refresh(name)
        self._say("reload: every function's next event loads its code anew")

    async def handle(self, changed: Iterable[Path]) -> None:
        """Take up a batch of changed files."""
        files, changed = self._files(), set(changed)
        if not changed.isdisjoint(files):
            await self._reload_template()
        code = sorted(changed.difference(files))
        if code:
            await self._reload_code(code)

    def _files(self) -> list[Path]:
        return [self._declared.template, *self._declared.included]

    async def _reload_code(self, code: list[Path]) -> None:
        functions = list(self._application.functions.values())
        touched = await asyncio.to_thread(concerned, code, functions)
        problems = {
            problem
            for path in code
            if path.suffix == ".py" and path.is_file()
            if (problem := handlers.syntax_error(path)) is not None
        }
        fresh: list[Function] = []
        for function in touched:
            problem = handlers.problem_of(function, self._functions.interpreters)
            if problem is not None:
                problems.add(problem)
            elif not problems:
                fresh.append(function)
        for problem in sorted(problems - self._broken):
            names = _listed([each.logical_id for each in touched if each not in fresh])
            self._say(f"reload: {problem}; code that is loaded stays, of {names}")
        self._broken = problems
        for function in fresh:
            self._functions.refresh(function.logical_id)
        if fresh:
            files = _listed([path.name for path in code])
            names = _listed([each.logical_id for each in fresh])
            self._say(f"reload: {files} changed, taken up by the next event of {names}")

    async def _reload_template(self) -> None:
        try:
            declared = await asyncio.to_thread(self._load)
            handlers.check_handlers(declared, self._functions.interpreters)
            application = declared
            if self._keeps_snapshots:
                application = snapshots.keep(self._application, declared)
            difference = compare(self._application, application)
            await self._take_up(application, difference)
        except (TemplateError, StartError) as error:
            self._say(f"reload: {error}\nreload: what was served before goes on")
            return
        name = declared.template.name
        if difference.lines:
            self._say("\n  ".join([f"reload: {name} changed", *difference.lines]))
        else:
            self._say(f"reload: {name} changed, and nothing that is served")
        for api, stage in snapshots.outdated(self._declared, declared):
            what = "keeps" if self._keeps_snapshots else "would keep"
            self._why.say(reasons.SNAPSHOT_OUTDATED, f"{api} stage {stage}", what=what)
        self._application, self._declared = application, declared


def _listed(names: list[str]) -> str:
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"

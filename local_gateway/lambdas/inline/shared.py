"""What a process has one of, made to answer each thread with that of its environment.

`install` replaces it, and returns what puts it back. Threads of the emulator's own see what was
there before.
"""

from __future__ import annotations

import builtins
import importlib
import io
import logging
import os
import sys
import threading
import time
from collections.abc import MutableMapping
from contextlib import ExitStack
from functools import partial, partialmethod
from typing import TYPE_CHECKING, Any, TextIO

from local_gateway.lambdas import sdk_redirect
from local_gateway.lambdas.bootstrap import BotocoreHook
from local_gateway.lambdas.inline import namespace
from local_gateway.lambdas.inline.current import current, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Variables(MutableMapping[str, str]):
    """`os.environ`."""

    def __init__(self, own: MutableMapping[str, str]) -> None:
        """Take the emulator's."""
        self._own = own

    @property
    def _here(self) -> MutableMapping[str, str]:
        surroundings = current()
        return self._own if surroundings is None else surroundings.variables

    def __getitem__(self, name: str) -> str:
        """Return a variable."""
        return self._here[name]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 — as Mapping has it
        """Return a variable or a default; each event asks for some."""
        return self._here.get(name, default)

    def __setitem__(self, name: str, value: str) -> None:
        """Set a variable."""
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] — as os does
            raise TypeError(f"str expected, not {type(value).__name__}")
        self._here[name] = value

    def __delitem__(self, name: str) -> None:
        """Delete a variable."""
        del self._here[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(list(self._here))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._here)

    def __or__(self, other: Any) -> dict[str, str]:  # noqa: ANN401 — a mapping
        """Return a dictionary with another mapping's entries over these."""
        return {**self._here, **other}

    def __ror__(self, other: Any) -> dict[str, str]:  # noqa: ANN401 — a mapping
        """Return a dictionary with these entries over another mapping's."""
        return {**other, **self._here}

    def copy(self) -> dict[str, str]:
        """Return a dictionary."""
        return dict(self._here)


class _Bytes(io.RawIOBase):
    """The `buffer` of a standard stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 — a buffer
        text = bytes(data)
        self._stream.write(text.decode(errors="replace"))
        return len(text)


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`."""

    def __init__(self, own: TextIO) -> None:
        """Take the emulator's."""
        self._own = own
        self._bytes = _Bytes(self)

    @property
    def buffer(self) -> Any:  # noqa: ANN401 — as TextIO has it
        """Return what takes bytes."""
        return self._own.buffer if current() is None else self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        """Return the name of the encoding."""
        return "utf-8"

    def write(self, text: str) -> int:
        """Write text."""
        surroundings = current()
        if surroundings is None:
            return self._own.write(text)
        surroundings.write(text)
        return len(text)

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def flush(self) -> None:
        """Let nothing wait; an environment's output never does."""
        if current() is None:
            self._own.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal, which nothing on Lambda is."""
        return current() is None and self._own.isatty()

    def fileno(self) -> int:
        """Return the emulator's descriptor."""
        return self._own.fileno()


class RecordHandler(logging.Handler):
    """The handler of the root logger on Lambda: a line per record, with the request's id."""

    def __init__(self) -> None:
        super().__init__()
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
            "%Y-%m-%dT%H:%M:%S",
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of an environment; one of the emulator has another handler."""
        surroundings = current()
        if surroundings is not None:
            record.aws_request_id = surroundings.request_id
            surroundings.write(self.format(record))


def _is_of_the_emulator(_record: logging.LogRecord) -> bool:
    return current() is None


def get_logger(
    name: str | None = None, *, original: Callable[..., logging.Logger] = logging.getLogger
) -> logging.Logger:
    """Do what `logging.getLogger` does, with loggers of the environment's own."""
    surroundings = current()
    if surroundings is None or not name or name == logging.root.name:
        return original(name)
    return surroundings.loggers.getLogger(surroundings.namespace.plain(name))


def install(redirect: str = "") -> Callable[[], None]:
    """Replace what has to be told apart by thread; return what puts it back.

    `redirect` is what the hook into botocore gets, which is for all threads; empty: no hook.
    """
    stack = ExitStack()

    def replace(holder: Any, name: str, value: object) -> None:  # noqa: ANN401 — a module or a class
        stack.callback(setattr, holder, name, getattr(holder, name))
        setattr(holder, name, value)

    replace(os, "environ", Variables(os.environ))  # noqa: TID251 — for whoever reads it
    replace(sys, "stdout", Stream(sys.stdout))
    replace(sys, "stderr", Stream(sys.stderr))
    replace(builtins, "__import__", partial(namespace.import_within, original=builtins.__import__))
    replace(
        importlib,
        "import_module",
        partial(namespace.import_module_within, find=_find, original=importlib.import_module),
    )
    replace(logging, "getLogger", partial(get_logger, original=logging.getLogger))
    start = threading.Thread.start
    replace(threading.Thread, "start", partialmethod(start_thread, start=start))
    if redirect:
        stack.callback(_hook_botocore(redirect))
    handler = RecordHandler()
    for each in logging.root.handlers:
        each.addFilter(_is_of_the_emulator)
        stack.callback(each.removeFilter, _is_of_the_emulator)
    logging.root.addHandler(handler)
    stack.callback(logging.root.removeHandler, handler)
    return stack.close


def _hook_botocore(redirect: str) -> Callable[[], None]:
    """Let `sdk_redirect` into botocore, now or when it is imported; return what takes it out."""
    name = "botocore.handlers"
    hook = BotocoreHook(redirect)
    if name in sys.modules:
        sdk_redirect.install(sys.modules[name], redirect)
    else:
        sys.meta_path.insert(0, hook)

    def remove() -> None:
        if hook in sys.meta_path:
            sys.meta_path.remove(hook)
        elif name in sys.modules:
            sys.modules[name].BUILTIN_HANDLERS.pop()

    return remove


def _find() -> namespace.Namespace | None:
    surroundings = current()
    return None if surroundings is None else surroundings.namespace

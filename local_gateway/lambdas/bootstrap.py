"""What runs in an environment's process: loads the handler once, then calls it event by event.

A script of its own process: `python -P bootstrap.py SOCKET LIFELINE TOKEN ARN REDIRECT LENDS
DEBUG_PORT FOLDER …`, where TOKEN, in hexadecimal, is what marks begin with, REDIRECT is for
`sdk_redirect`, LENDS a folder with packages that the interpreter lacks and DEBUG_PORT where a
debugger attaches, each empty if there is none. It stays one file, because importing several would
have to be paid for by each cold start.

Everything that a handler can notice (loading, context, JSON rules, error shapes, logging) is AWS's
own client, `awslambdaric.bootstrap.run`; only its transport is replaced, HTTP by frames on a
socketpair. The emulator's side imports the frames from here, so at module level this is the
standard library's lightest part alone: what is imported here is what each cold start pays, and what
a handler finds in `sys.modules` before its own imports.

Frames, network byte order; strings are UTF-8:

    event    u32 payload length, u64 deadline (ms since the epoch),
             u16 request id length, u16 trace id length, u32 client context length,
             u8 whether it was sent ahead, then request id, trace id, client context, payload
    answer   u8 kind, u32 payload length, u32 microseconds since the event was read, the payload

Where the socket keeps packets apart (Linux), a frame is cut into packets of `PACKET_BYTES`, and no
packet has parts of two frames.

One event at a time: the next one is read once its predecessor is answered. It may have been sent
ahead of that, and then nobody can tell from the outside whose output is whose. So the first thing
that such an event prints is preceded by a mark and its request id, which the emulator takes out.
"""

from __future__ import annotations

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from struct import Struct
from time import perf_counter_ns
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

EVENT = Struct("!IQHHIB")
ANSWER = Struct("!BII")

MARK_END = b"\x1f"
"""What a mark ends with: a token of the environment's own, a request id, and this."""

READY, RESULT, ERROR, INIT_ERROR = range(4)
"""Kinds of answers: the handler is loaded (no payload); it returned; it raised; it didn't load."""

MAX_RESPONSE_BYTES = 6_291_556
"""What a handler may return, as JSON: 6 MB (Lambda developer guide, "Quotas") and a little, as the
text of Lambda's own error says."""

PACKET_BYTES = 65_536
"""The most that is sent, and read, at once."""

_ATOMIC_BYTES = 4_096
"""PIPE_BUF of Linux, pipe(7)."""

_MOST_US = 2**32 - 1


class SocketRuntimeClient:
    """The part of `awslambdaric`'s runtime client that `run` uses, over a socketpair.

    Reads and writes go by file descriptor: a socket object would be closed by the interpreter on
    its way out, before the exit status exists that the other side wants to report.
    """

    def __init__(self, fd: int, arn: str, mark: Mark, library: Any) -> None:  # noqa: ANN401 — a module
        """Take the socket, the function's ARN, and `awslambdaric.lambda_runtime_client`.

        `mark` is told of events that were sent ahead.
        """
        self._fd = fd
        self._arn = arn
        self._mark = mark
        self._read_at = 0
        self._library = library
        self._is_ready = False

    @property
    def marshaller(self) -> Any:  # noqa: ANN401 — untyped library
        """Return what turns JSON into events and results into JSON; a handler may replace it."""
        return self._library.LambdaRuntimeClient.marshaller

    def wait_next_invocation(self) -> SimpleNamespace:
        """Return the next event; end the process once the emulator is gone.

        The first call says that the handler is loaded.
        """
        if not self._is_ready:
            self._is_ready = True
            self._answer(READY, b"")
        data = os.read(self._fd, PACKET_BYTES)
        self._read_at = perf_counter_ns()
        if not data:
            # Nobody is left to tell, and atexit handlers of a handler don't run on Lambda either.
            os._exit(0)
        if len(data) < EVENT.size:
            data += self._read(EVENT.size - len(data))
        length, deadline, id_length, trace_length, context_length, is_ahead = EVENT.unpack_from(
            data
        )
        trace = EVENT.size + id_length
        context = trace + trace_length
        payload = context + context_length
        missing = payload + length - len(data)
        if missing:
            data += self._read(missing)
        self._mark.due = bytes(data[EVENT.size : trace]) if is_ahead else b""
        return SimpleNamespace(
            invoke_id=data[EVENT.size : trace].decode(),
            x_amzn_trace_id=data[trace:context].decode(),
            invoked_function_arn=self._arn,
            deadline_time_in_ms=deadline,
            client_context=data[context:payload].decode() or None,
            cognito_identity=None,
            tenant_id=None,
            content_type="application/json",
            event_body=data[payload:],
            invocation_id=None,
        )

    def post_invocation_result(
        self, invoke_id: str, result: str | bytes, _content_type: str, _invocation_id: str | None
    ) -> None:
        """Answer with what the handler returned, or with Lambda's error if that is too large."""
        # A lone surrogate can't be encoded: the error ends the process, as it does on Lambda.
        payload = result if isinstance(result, bytes) else result.encode()
        if len(payload) <= MAX_RESPONSE_BYTES:
            self._answer(RESULT, payload)
            return
        text = (
            f"Response payload size exceeded maximum allowed payload size "
            f"({MAX_RESPONSE_BYTES} bytes)."
        )
        sys.stdout.write(
            "[ERROR] LAMBDA_RUNTIME Failed to post handler success response. Http response code: "
            f"413. RequestId: {invoke_id}, {len(payload)} bytes\n"
        )
        error = f'{{"errorMessage":"{text}","errorType":"Function.ResponseSizeTooLarge"}}'
        self._answer(ERROR, error.encode())

    def post_invocation_error(
        self, _invoke_id: str, error: str, _xray_fault: str, _invocation_id: str | None
    ) -> None:
        """Answer with the error object of a handler that raised."""
        self._answer(ERROR, error.encode())

    def post_init_error(self, error: object, _error_type: str | None = None) -> None:
        """Say that the handler could not be loaded; `run` then exits with status 1."""
        self._answer(INIT_ERROR, self._library.to_json(error).encode())

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while count:
            read = os.readv(self._fd, [view[-count:]])
            if not read:
                os._exit(0)
            count -= read
        return data

    def _answer(self, kind: int, payload: bytes) -> None:
        took_us = (perf_counter_ns() - self._read_at) // 1000 if self._read_at else 0
        data = ANSWER.pack(kind, len(payload), min(took_us, _MOST_US)) + payload
        sent = os.write(self._fd, data) if len(data) <= PACKET_BYTES else 0
        view = memoryview(data)
        while sent < len(data):
            sent += os.write(self._fd, view[sent : sent + PACKET_BYTES])


class Mark:
    """What goes out in front of the first output of an event that was sent ahead."""

    def __init__(self, token: bytes) -> None:
        """Take what no function prints."""
        self._token = token
        self.due = b""
        """The request id of such an event, until it prints something."""

    def take(self) -> bytes:
        """Return the mark if one is due, else nothing."""
        if not self.due:
            return b""
        request_id, self.due = self.due, b""
        return self._token + request_id + MARK_END


class MarkedOutput(FileIO):
    """A standard stream of the process, marked."""

    def __init__(self, fd: int, mark: Mark) -> None:
        """Write to `fd`, which stays open when this is closed."""
        super().__init__(fd, "wb", closefd=False)
        self._mark = mark

    def write(self, data: Any) -> int:  # noqa: ANN401 — a buffer; typeshed's own is not importable
        """Write the mark if one is due, and as much of `data` as one write takes."""
        mark = self._mark.take()
        if not mark:
            return super().write(data)
        # A write of so much is atomic: nobody's text comes between, and no read ends within a mark.
        if len(mark) + len(data) > _ATOMIC_BYTES:
            super().write(mark)
            return super().write(data)
        return super().write(mark + bytes(data)) - len(mark)


def signals_end_of_file(release: str = os.uname().release) -> bool:
    """Return whether the kernel sends a signal at a pipe's end of file, and then only.

    Before Linux 5.6 a pipe signals also when one of several readers closes it, as an environment
    that ends does: every other one would die with it.
    """
    version = release.replace("-", ".").replace("+", ".").split(".")[:2]
    return sys.platform == "linux" and [int(number) for number in version] >= [5, 6]


def die_with_parent(lifeline: int, *, release: str = os.uname().release) -> None:
    """See to it that this process and its children end when the emulator does, however it does.

    `lifeline` is a pipe that nobody writes to; end of file on it means that the emulator is gone.
    Linux turns that into SIGKILL for the whole process group, in the kernel: no thread, and a
    handler that holds the interpreter's lock dies as well (fcntl(2), F_SETSIG). The signal belongs
    to an open file description, which all environments would share, hence the reopening.
    PR_SET_PDEATHSIG would spare the handler's children, and take the end of the emulator's thread
    that forked for the end of the emulator.
    """
    import fcntl  # noqa: PLC0415 — not there on every platform
    import signal  # noqa: PLC0415 — the same

    if not signals_end_of_file(release):
        _watch(lifeline)
        return
    try:
        fd = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        _watch(lifeline)  # no /proc here
        return
    os.close(lifeline)
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    try:
        is_alone = not os.read(fd, 1)
    except BlockingIOError:
        is_alone = False
    # The emulator may have died before the signal was asked for; then it will never come.
    if is_alone:
        os._exit(1)


def _watch(lifeline: int) -> None:
    """Do the same with a thread, where the kernel doesn't."""
    import signal  # noqa: PLC0415 — not there on every platform
    import threading  # noqa: PLC0415 — only here

    os.set_inheritable(lifeline, False)  # noqa: FBT003 — the argument has no name

    def wait() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _load(load: Callable[[str], Any], handler: str) -> Any:  # noqa: ANN401 — a handler
    """Load the handler; show where an import failed, which AWS's error leaves out."""
    try:
        return load(handler)
    except Exception as fault:
        if isinstance(fault.__context__, ImportError):
            _print_traceback(fault.__context__)
        raise


def _print_traceback(error: ImportError) -> None:
    import traceback  # noqa: PLC0415 — only on failure

    frames = _own_frames(error.__traceback__)
    if frames is not None:
        traceback.print_exception(type(error), error, frames, chain=False)


def _own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames that a traceback starts with: this module, awslambdaric and importlib."""
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if not name.endswith(("/bootstrap.py", "/importlib/__init__.py")) and "<frozen" not in name:
            return frames
        frames = frames.tb_next
    return None


def _log_error(log: Callable[..., None], error: dict[str, Any], sink: object) -> None:
    """Log an error without the headline of a traceback that it doesn't have."""
    log({key: value for key, value in error.items() if key != "stackTrace" or value}, sink)


def main(arguments: Sequence[str]) -> None:
    """Run the handler that the environment names, until there are no more events."""
    fd, lifeline, token, arn, redirect, lends, debug_port, *folders = arguments
    die_with_parent(int(lifeline))
    os.set_inheritable(int(fd), False)  # noqa: FBT003 — the argument has no name
    handler = os.environ["_HANDLER"]  # noqa: TID251 — set for this process by the emulator
    # As with LANG=en_US.UTF-8, which this machine may not have.
    mark = Mark(bytes.fromhex(token))
    sys.stdout = sys.__stdout__ = _open(1, mark, "strict")  # type: ignore[misc]  # final for others
    sys.stderr = sys.__stderr__ = _open(2, mark, "backslashreplace")  # type: ignore[misc]  # the same

    if lends:
        sys.meta_path.append(Lender(lends))
    if debug_port:
        _await_debugger(int(debug_port))
    # Before the function's folders, which may have another version of it.
    library = import_library()
    if redirect:
        sys.meta_path.insert(0, BotocoreHook(redirect))
    sys.path[:0] = folders
    sys.argv = [sys.argv[0], handler]
    client = SocketRuntimeClient(int(fd), arn, mark, library.lambda_runtime_client)
    library.bootstrap.run(handler, client)


def _await_debugger(port: int) -> None:
    """Let clients of debugpy attach; don't wait for one.

    Its adapter runs in this process: one of its own would outlive it, and keep the port.
    """
    from socket import create_server  # noqa: PLC0415 — only here

    try:
        # What debugpy does on a thread, where it can't tell us of a failure.
        create_server(("127.0.0.1", port)).close()
        import debugpy  # noqa: PLC0415, T100 — there if it is asked for

        debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)  # noqa: T100 — the same
    except Exception as error:  # noqa: BLE001 — the function runs all the same
        sys.stderr.write(f"no debugger can attach at port {port}: {error}\n")


def _open(fd: int, mark: Mark, errors: str) -> TextIOWrapper:
    """Return a standard stream as the interpreter makes it, but marked."""
    raw = MarkedOutput(fd, mark)
    line_buffering = fd == 2  # noqa: PLR2004 — standard error, as since Python 3.9
    return TextIOWrapper(
        BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=line_buffering
    )


class Lender:
    """Finds what Lambda's Python runtimes have beside the standard library, last of all.

    For an interpreter that has none of it: in the folder, the emulator's own, is more than that,
    compiled for another version.
    """

    PACKAGES = frozenset(
        [
            "awslambdaric",
            "boto3",
            "botocore",
            "dateutil",
            "debugpy",
            "jmespath",
            "s3transfer",
            "simplejson",
            "six",
            "snapshot_restore_py",
            "urllib3",
        ]
    )

    def __init__(self, folder: str) -> None:
        """Take the folder."""
        self._folder = folder

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:  # noqa: ANN401 — its type is a heavy import
        """Return where a package is, or None (`importlib.abc.MetaPathFinder`)."""
        if name not in self.PACKAGES:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415 — loaded with the interpreter

        return PathFinder.find_spec(name, [self._folder])


class BotocoreHook:
    """Lets `sdk_redirect` into botocore when a function imports that, and costs nothing before."""

    def __init__(self, redirect: str) -> None:
        """Take what `sdk_redirect.install` gets."""
        self._redirect = redirect

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:  # noqa: ANN401 — its type is a heavy import
        """Return the spec of `botocore.handlers` with a loader that goes on to us."""
        if name != "botocore.handlers":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]  # it is one of them
        from importlib.util import find_spec  # noqa: PLC0415 — loaded with botocore anyway

        del path, target
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_and_install(module: Any) -> None:  # noqa: ANN401 — any module
                execute(module)
                _import_neighbour("sdk_redirect").install(module, self._redirect)

            loader.exec_module = execute_and_install  # type: ignore[method-assign]
        return spec


def _import_neighbour(name: str) -> Any:  # noqa: ANN401 — a module
    """Import a file of this folder, which no function can import from."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415 — lazily

    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")  # noqa: PTH100, PTH118, PTH120 — pathlib is heavy
    spec = spec_from_file_location(f"_local_gateway_{name}", file)
    module = module_from_spec(spec)  # type: ignore[arg-type]  # the file is there
    spec.loader.exec_module(module)  # type: ignore[union-attr]  # the same
    return module


def probe(lends: str) -> None:
    """Print this interpreter's version, and what is wrong with it, as JSON."""
    import json  # noqa: PLC0415 — only here

    sys.meta_path.append(Lender(lends))
    problem = ""
    try:
        import_library()
    except Exception as error:  # noqa: BLE001 — whatever a version of Python can't do
        problem = f"{type(error).__name__}: {error}"
    version = ".".join(map(str, sys.version_info[:3]))
    sys.stdout.write(json.dumps({"version": version, "problem": problem}))


def import_library() -> Any:  # noqa: ANN401 — untyped library
    """Return awslambdaric, with a few things that differ on a developer's machine."""
    from functools import partial  # noqa: PLC0415 — awslambdaric imports it anyway
    from importlib import import_module  # noqa: PLC0415 — the same

    # Its HTTP client, a C extension with libcurl, isn't needed; over there it is optional.
    sys.modules["runtime_client"] = None  # type: ignore[assignment]  # importing it fails
    bootstrap: Any = import_module("awslambdaric.bootstrap")
    literals: Any = import_module("awslambdaric.lambda_literals")
    del sys.modules["runtime_client"]

    load, log_error = bootstrap._get_handler, bootstrap.log_error  # noqa: SLF001 — nothing public
    bootstrap._get_handler = partial(_load, load)  # noqa: SLF001 — the same
    bootstrap.log_error = partial(_log_error, log_error)
    # CloudWatch wants an event on one line; a terminal does not.
    bootstrap.ERROR_LOG_LINE_TERMINATE = "\n"
    bootstrap.ERROR_LOG_IDENT = " "
    # AWS's text goes on about updates of the runtime, which don't happen here.
    literals.lambda_unhandled_exception_warning_message = (
        "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function "
        "code."
    )
    return import_module("awslambdaric")


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):  # before Python 3.11 there is no -P
        del sys.path[0]
    if sys.argv[1] == "--probe":
        probe(sys.argv[2])
    else:
        main(sys.argv[1:])

"""One environment: a thread that loads the handler, then calls it event by event.

Loading, context, JSON rules and error shapes are those of AWS's own client, `awslambdaric`. What
the thread does it says to the pool, on the event loop.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from local_gateway import clock, ids
from local_gateway.lambdas import bootstrap, faults
from local_gateway.lambdas.bootstrap import ERROR, INIT_ERROR, MAX_RESPONSE_BYTES, READY, RESULT
from local_gateway.lambdas.inline import current
from local_gateway.lambdas.inline.namespace import Namespace
from local_gateway.lambdas.inline.speech import EXITED, PRINTED, Lines, Word
from local_gateway.lambdas.variables import log_stream_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from queue import SimpleQueue
    from types import TracebackType

    from local_gateway.api import Function
    from local_gateway.lambdas.inline.speech import Mouth
    from local_gateway.lambdas.invocation import Invocation

_OURS: Final = f"{Path(__file__).parents[2]}{os.sep}"
_TOO_LARGE: Final = orjson.dumps(
    {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_BYTES} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
)


Events: TypeAlias = "SimpleQueue[Invocation | None]"
"""What the environments of one function take from; None ends one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all environments of one function have in common."""

    function: Function
    variables: Mapping[str, str]
    folders: Sequence[str]
    label: str
    write_line: Callable[[str], None]


class InlineEnvironment:
    """One thread of a function; see `current.Surroundings` for what its code finds."""

    def __init__(self, plan: Plan, events: Events, mouth: Mouth) -> None:
        """Start the thread, which takes its events from a queue that others take from too."""
        stream = log_stream_name(clock.now_ms(), ids.new_request_id().replace("-", ""))
        self.variables: MutableMapping[str, str] = {
            **plan.variables,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        }
        self.namespace = Namespace(plan.function.logical_id, plan.folders)
        self.loggers = logging.Manager(logging.root)
        self.started = clock.machine()
        self.begun = 0.0
        """When it took the event that it handles, on the machine's clock."""
        self.invocation: Invocation | None = None
        """The event that it handles."""
        self.is_given_up = False
        """Whether it is to end when its handler returns; nobody waits for it."""
        self._request_id = ""
        self._runs = 0
        self._plan = plan
        self._events = events
        self._mouth = mouth
        self._lines = Lines(plan.label, plan.write_line)
        self._answer: tuple[int, bytes] = (ERROR, b"")
        self._marshaller: Any = None
        name = f"lambda {plan.function.logical_id}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def show(self) -> None:
        """Write the whole lines that were printed, on the event loop."""
        self._lines.show()

    # What code in the thread finds

    @property
    def request_id(self) -> str:
        """See `Surroundings`."""
        return self._request_id

    def write(self, text: str) -> None:
        """See `Surroundings`."""
        if self._lines.add(text):
            self._mouth.say(Word(self, PRINTED))

    # In the thread

    def _run(self) -> None:
        current.enter(self)
        importlib.invalidate_caches()  # files may have come since the last environment
        try:
            handler = self._load()
            if handler is None:
                return
            self._mouth.say(Word(self, READY))
            while not self.is_given_up and (invocation := self._events.get()) is not None:
                if not invocation.is_settled and not self._handle(handler, invocation):
                    return
        finally:
            self.namespace.unload()

    def _load(self) -> Any:  # noqa: ANN401 — a handler, None if it did not load
        runtime = library().bootstrap
        self._marshaller = library().lambda_runtime_client.LambdaMarshaller()
        try:
            return runtime._get_handler(self._plan.function.handler)  # noqa: SLF001 — nothing public
        except runtime.FaultException as fault:
            error = runtime.make_error(fault.msg, fault.exception_type, fault.trace)
        except SystemExit as exiting:
            self._mouth.say(
                Word(self, EXITED, exit_status=_status(exiting), tail=self._lines.end())
            )
            return None
        except BaseException as raised:  # noqa: BLE001 — whatever a module raises
            frames = _without_ours(raised.__traceback__)
            error = runtime.build_fault_result((type(raised), raised, frames), None)
        # As `run` of AWS's client does.
        logging.warning(library().lambda_literals.lambda_unhandled_exception_warning_message)  # noqa: LOG015 — see above
        runtime.log_error(error, runtime.StandardLogSink())
        self._fail(runtime.to_json(error).encode())
        return None

    def _fail(self, error: bytes) -> None:
        self._mouth.say(Word(self, INIT_ERROR, error, tail=self._lines.end()))

    def _handle(self, handler: Any, invocation: Invocation) -> bool:  # noqa: ANN401 — a handler
        """Call the handler; False if this was the last event."""
        self.begun = clock.machine()
        self.invocation = invocation
        self._runs += 1
        self._request_id = invocation.request_id
        self._lines.begin(invocation.request_id)
        self.variables["_X_AMZN_TRACE_ID"] = invocation.trace_id
        runtime = library().bootstrap
        try:
            runtime.handle_event_request(
                self,
                handler,
                invocation.request_id,
                invocation.payload,
                "application/json",
                invocation.client_context.decode() or None,
                None,
                self._plan.function.arn,
                clock.machine_ms() + self._plan.function.timeout_seconds * 1000,
                None,
                runtime.StandardLogSink(),
            )
        except BaseException as error:  # noqa: BLE001 — what leaves a handler ends its environment
            if not isinstance(error, SystemExit):
                traceback.print_exc()
            self._answer = (EXITED, b"")
            status = _status(error)
            self.write(f"{faults.exit_text(status)}\nRuntime.ExitError\n")
        else:
            status = 0
        kind, payload = self._answer
        duration_ms = (clock.machine() - self.begun) * 1000
        tail, is_cold = self._lines.end(), self._runs == 1
        self.invocation = None
        self._mouth.say(Word(self, kind, payload, invocation, tail, duration_ms, is_cold, status))
        return kind != EXITED

    # What awslambdaric takes for its client

    @property
    def marshaller(self) -> Any:  # noqa: ANN401 — untyped library
        """Return what turns JSON into events and results into JSON."""
        return self._marshaller

    def post_invocation_result(
        self, invoke_id: str, result: str | bytes, _content_type: str, _invocation_id: str | None
    ) -> None:
        """Keep what the handler returned, or Lambda's error if that is too large."""
        payload = result if isinstance(result, bytes) else result.encode()
        if len(payload) <= MAX_RESPONSE_BYTES:
            self._answer = (RESULT, payload)
            return
        self.write(
            "[ERROR] LAMBDA_RUNTIME Failed to post handler success response. Http response code: "
            f"413. RequestId: {invoke_id}, {len(payload)} bytes\n"
        )
        self._answer = (ERROR, _TOO_LARGE)

    def post_invocation_error(
        self, _invoke_id: str, error: str, _xray_fault: str, _invocation_id: str | None
    ) -> None:
        """Keep the error object of a handler that raised."""
        self._answer = (ERROR, error.encode())


@functools.cache
def library() -> Any:  # noqa: ANN401 — untyped library
    """Return awslambdaric; the first time not in two threads at once."""
    return bootstrap.import_library()


def _without_ours(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames of the emulator that a traceback starts with, and AWS's client's."""
    while frames is not None and (
        frames.tb_frame.f_code.co_filename.startswith(_OURS)
        or frames.tb_frame.f_code.co_filename.endswith("/awslambdaric/bootstrap.py")
    ):
        frames = frames.tb_next
    return frames


def _status(error: BaseException) -> int:
    """Return the exit status that a process would have ended with."""
    code = error.code if isinstance(error, SystemExit) else 1
    if code is None:
        return 0
    return code if isinstance(code, int) else 1

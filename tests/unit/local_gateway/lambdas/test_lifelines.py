"""No process outlives the emulator, none leaves a file descriptor or a thread behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import uvloop

from local_gateway.lambdas import bootstrap
from local_gateway.lambdas.lifeline import tethered
from local_gateway.lambdas.process import Process
from tests.processes import guarded, has_ended, wait_gone
from tests.unit.local_gateway.lambdas.conftest import Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import Function
    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

STARTS_ANOTHER_AND_HANGS = """
    import os, subprocess
    def handler(event, context):
        child = subprocess.Popen(["sleep", "3600"], stdout=subprocess.DEVNULL)
        print("pids", os.getpid(), child.pid)
        while True:
            pass
"""
EMULATOR = """
import asyncio, json, sys
from pathlib import Path
from local_gateway.api import Application, Function, Identity
from local_gateway.lambdas.functions import Functions

function = Function(
    logical_id="F", name="f", arn="arn", handler="app.handler", runtime=sys.argv[2],
    code=Path(sys.argv[1]), timeout_seconds=600,
)
application = Application(
    template=Path("t"), identity=Identity(), functions={"F": function}, websocket_apis={},
    http_apis={}, queues={}, tables={}, queue_mappings=(), schedules=(),
)
def write(line):
    if "pids" in line:
        print(json.dumps(line.split()[-2:]), flush=True)
async def main():
    functions = Functions(application, environment={}, write_log=write)
    await functions.start()
    await functions.invoke("F", b"{}")
asyncio.run(main())
"""


DIES_RIGHT_BEHIND_A_START = """
import json, os, signal
from local_gateway.lambdas import environment, process

class Fatal(process.Process):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        print(json.dumps([self.pid]), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

environment.Process = Fatal
"""
BOOTSTRAP = """\
#!/bin/sh
sleep 3600 > /dev/null &
echo pids $$ $!
while :; do :; done
"""


@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
def test_a_busy_environment_and_its_children_die_with_an_emulator_that_is_killed(
    write_function: WriteFunction, runtime: str
) -> None:
    code = write_function(STARTS_ANOTHER_AND_HANGS, files={"bootstrap": BOOTSTRAP}).code
    (code / "bootstrap").chmod(0o755)
    command = [sys.executable, "-c", EMULATOR, str(code), runtime]
    with subprocess.Popen(
        guarded(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as emulator:
        assert emulator.stdout is not None
        pids = json.loads(emulator.stdout.readline())
        processes = [psutil.Process(int(pid)) for pid in pids]

        emulator.kill()

        assert [wait_gone(process) for process in processes] == [True, True]


@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
def test_an_environment_that_starts_while_its_emulator_dies_ends_too(
    write_function: WriteFunction, runtime: str
) -> None:
    code = write_function(STARTS_ANOTHER_AND_HANGS, files={"bootstrap": BOOTSTRAP}).code
    (code / "bootstrap").chmod(0o755)
    command = [sys.executable, "-c", DIES_RIGHT_BEHIND_A_START + EMULATOR, str(code), runtime]

    with subprocess.Popen(
        guarded(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as emulator:
        assert emulator.stdout is not None
        [pid] = json.loads(emulator.stdout.readline())

    assert has_ended(pid)


async def test_an_idle_environment_ends_at_the_end_of_its_socket() -> None:
    ours, theirs = os.pipe()
    code = (
        "import runpy, sys;"
        "bootstrap = runpy.run_path(sys.argv[1]);"
        "client = bootstrap['SocketRuntimeClient'](int(sys.argv[2]), 'arn', None, 0);"
        "client._is_ready = True; client.wait_next_invocation()"
    )
    command = [sys.executable, "-c", code, bootstrap.__file__, str(ours)]
    child = await asyncio.create_subprocess_exec(*command, pass_fds=[ours])
    os.close(ours)

    os.close(theirs)

    assert await child.wait() == 0


@pytest.mark.parametrize("is_alone", [False, True])
async def test_without_the_kernels_help_a_thread_watches(*, is_alone: bool) -> None:
    lifeline, ours = os.pipe()
    code = (
        "import runpy, sys, threading;"
        "die_with_parent = runpy.run_path(sys.argv[1])['die_with_parent'];"
        "die_with_parent(int(sys.argv[2]), release='5.4.0-150-generic');"
        "print('ready', flush=True); threading.Event().wait()"
    )
    command = [sys.executable, "-c", code, bootstrap.__file__, str(lifeline)]
    if is_alone:
        os.close(ours)
    child = await asyncio.create_subprocess_exec(
        *command, pass_fds=[lifeline], stdout=subprocess.PIPE, start_new_session=True
    )
    os.close(lifeline)

    if not is_alone:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        os.close(ours)

    assert await child.wait() == -signal.SIGKILL


async def test_without_the_kernels_help_a_shell_watches(tmp_path: Path) -> None:
    lifeline, ours = os.pipe()
    command = ["sh", "-c", "echo $0; exec sleep 3600", "ready"]
    reader, writer = os.pipe()
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    Process(
        tethered(lifeline, command, is_signalled=False),
        folder=tmp_path,
        variables={"PATH": "/usr/bin:/bin"},
        output=writer,
        keep=(lifeline,),
        on_exit=ended.set_result,
    )
    os.close(lifeline)
    os.close(writer)
    assert await asyncio.to_thread(os.read, reader, 6) == b"ready\n"
    os.close(reader)

    os.close(ours)

    assert await ended == -signal.SIGKILL


@linux_only
async def test_who_starts_after_the_emulators_death_ends_at_once() -> None:
    lifeline, ours = os.pipe()
    os.close(ours)
    code = (
        "import runpy, sys, threading;"
        "runpy.run_path(sys.argv[1])['die_with_parent'](int(sys.argv[2]));"
        "threading.Event().wait()"
    )
    command = [sys.executable, "-c", code, bootstrap.__file__, str(lifeline)]
    child = await asyncio.create_subprocess_exec(*command, pass_fds=[lifeline])
    os.close(lifeline)

    assert await child.wait() == 1


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    # The listing itself opens one, which is gone by the time it is looked at.
    return sorted(str(fd) for fd in folder.iterdir() if fd.is_symlink())


CLIENT_OF_THE_RUNTIME_API = f"""\
#!/bin/sh
exec {sys.executable} -m awslambdaric "$_HANDLER"
"""


@linux_only
@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
async def test_a_hundred_processes_leave_no_file_descriptor(
    start_host: StartHost, write_function: WriteFunction, runtime: str
) -> None:
    source = """
        import os
        def handler(event, context):
            if event % 2:
                os._exit(1)
    """
    files = {"bootstrap": CLIENT_OF_THE_RUNTIME_API}
    function = write_function(source, files=files, runtime=runtime)
    (function.code / "bootstrap").chmod(0o755)
    host = await start_host(function)
    await host.functions.prewarm()
    before = open_files()
    threads = threading.active_count()

    for number in range(100):
        await host.invoke("F", number)
        host.functions.recycle("F")
    await host.ask("F", 0)
    await host.wait_for_processes(lambda pids: len(pids) == 1)

    assert len(open_files()) == len(before)
    assert threading.active_count() == threads


@linux_only
async def test_starting_and_stopping_leaves_nothing(write_function: WriteFunction) -> None:
    function = write_function()
    before = open_files()

    left = [await left_processes(function) for _ in range(10)]

    assert open_files() == before
    assert left == [[]] * 10


async def left_processes(function: Function) -> list[int]:
    host = Host(function)
    await host.functions.start()
    await host.ask()
    await host.functions.stop()
    return host.functions.process_ids


@linux_only
async def test_an_environment_inherits_nothing_of_the_emulator(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os
        def handler(event, context):
            return sorted(os.readlink(f"/proc/self/fd/{fd}").partition(":")[0]
                          for fd in os.listdir("/proc/self/fd")
                          if os.path.islink(f"/proc/self/fd/{fd}"))
    """
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)  # noqa: FBT003 — the argument has no name
    host = await start_host(write_function(source))

    opened = await host.ask()

    os.close(read_end)
    os.close(write_end)
    # stdin, stdout and stderr, the lifeline, the socket.
    assert opened == ["/dev/null", "pipe", "pipe", "pipe", "socket"]


@linux_only
async def test_what_a_handler_starts_gets_neither_the_socket_nor_the_lifeline(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import subprocess
        def handler(event, context):
            listing = ["ls", "-l", "/proc/self/fd"]
            return subprocess.run(listing, close_fds=False, capture_output=True, text=True).stdout
    """
    host = await start_host(write_function(source))

    listing = await host.ask()

    assert "socket" not in listing
    assert listing.count("pipe:") == 2  # its stdout and stderr


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
def test_on_either_event_loop(
    write_function: WriteFunction,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    runtime: str,
) -> None:
    source = """
        import os
        def handler(event, context):
            print("begins")
            if event == "exit":
                os._exit(2)
            return event
    """
    files = {"bootstrap": CLIENT_OF_THE_RUNTIME_API}
    function = write_function(source, files=files, runtime=runtime, timeout_seconds=30)
    (function.code / "bootstrap").chmod(0o755)
    large = "x" * 3_000_000

    async def run() -> tuple[Host, list[object]]:
        host = Host(function)
        await host.functions.start()
        await host.functions.prewarm()
        answers = await asyncio.gather(*(host.ask("F", number) for number in range(100)))
        failed = await host.invoke("F", "exit")
        after = await host.ask("F", large)
        await host.functions.stop()
        return host, [*answers, failed.log_tail, after]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        host, answers = runner.run(run())

    end = b"begins\nRuntime exited with error: exit status 2\nRuntime.ExitError\n"
    assert answers == [*range(100), end, large]
    assert host.lines[0].startswith("why: ") or host.lines[0].endswith("begins")


async def test_without_pidfds_a_thread_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    process = Process(
        [sys.executable, "-c", "import threading; threading.Event().wait()"],
        folder=tmp_path,
        variables={},
        output=subprocess.DEVNULL,
        keep=(),
        on_exit=ended.set_result,
    )

    process.kill()

    assert await ended == -signal.SIGKILL
    process.kill()  # of one that is gone: nothing happens

"""The main job with its functions in threads of the emulator."""

from __future__ import annotations

from tests.e2e.gateway_process import free_port, main_job, running_gateway


async def test_the_main_job_runs_inline_without_a_process_per_function() -> None:
    port = free_port()
    arguments = [*main_job("redis", port), "--host-mode", "inline"]
    async with (
        running_gateway(arguments, port=port) as gateway,
        gateway.client("alice") as alice,
        gateway.client("bob") as bob,
    ):
        await alice.send(msgType=1, to="bob", msg={"by": "socket"}, messageId="m")
        by_socket = await bob.receive()
        acknowledged = await alice.receive()
        pushed = await gateway.push(to=["alice", "nobody"], msg={"by": "http"})
        by_http = await alice.receive()
        commands = [" ".join(process.cmdline()) for process in gateway.family()]

    assert by_socket["msg"] == {"by": "socket"}
    assert (acknowledged["msgType"], acknowledged["messageId"]) == (2, "m")
    assert pushed["data"] == ["nobody"]
    assert by_http["msg"] == {"by": "http"}
    assert [command for command in commands if "lambdas/bootstrap" in command] == []


async def test_a_prefixed_line_of_a_function_is_in_the_log() -> None:
    port = free_port()
    arguments = [*main_job("redis", port), "--host-mode", "inline", "--show-metrics"]
    async with running_gateway(arguments, port=port) as gateway, gateway.client("alice"):
        await gateway.push(to="alice", msg={"a": 1})

    assert any(line.startswith("PushApiFunction ") for line in gateway.log.splitlines())

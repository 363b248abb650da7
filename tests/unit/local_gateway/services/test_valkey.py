from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import redis

from local_gateway.errors import StartError
from local_gateway.services import EmbeddedValkey
from tests.processes import wait_gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.valkey


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    server.start()
    yield server
    server.stop()


def client(server: EmbeddedValkey) -> Any:  # noqa: ANN401 — redis-py's own types are partial
    factory: Any = redis.Redis
    return factory.from_url(server.url, decode_responses=True)


def test_it_answers_and_starts_empty(valkey: EmbeddedValkey) -> None:
    with client(valkey) as redis_client:
        assert redis_client.dbsize() == 0
        redis_client.set("k", "v")
        assert redis_client.get("k") == "v"


def test_it_listens_on_loopback_alone(valkey: EmbeddedValkey) -> None:
    with client(valkey) as redis_client:
        info = redis_client.info("server")
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(info["process_id"]).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening == ["127.0.0.1"]


def test_two_run_side_by_side(valkey: EmbeddedValkey) -> None:
    other = EmbeddedValkey()
    other.start()
    with client(valkey) as first, client(other) as second:
        first.set("k", "v")
        found = second.get("k")
    other.stop()

    assert found is None


def test_a_stopped_server_is_gone_and_stopping_twice_is_fine(valkey: EmbeddedValkey) -> None:
    assert valkey.is_running

    valkey.stop()
    valkey.stop()

    assert not valkey.is_running
    with client(valkey) as redis_client, pytest.raises(redis.ConnectionError):
        redis_client.ping()


def test_without_a_folder_a_restart_is_empty(valkey: EmbeddedValkey) -> None:
    with client(valkey) as redis_client:
        redis_client.set("k", "v")
    valkey.stop()

    valkey.start()

    with client(valkey) as redis_client:
        assert redis_client.get("k") is None


def test_with_a_folder_every_write_is_there_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(state_dir=tmp_path)
    server.start()
    with client(server) as redis_client:
        redis_client.set("k", "v")
    server.stop()

    again = EmbeddedValkey(state_dir=tmp_path)
    again.start()
    with client(again) as redis_client:
        found = redis_client.get("k")
    again.stop()

    assert found == "v"


def test_a_folder_is_for_one_server_at_a_time(tmp_path: Path) -> None:
    first, second = EmbeddedValkey(state_dir=tmp_path), EmbeddedValkey(state_dir=tmp_path)
    first.start()

    with pytest.raises(StartError, match=f"^the state in {tmp_path} is in use by another"):
        second.start()
    first.stop()
    url = second.start()
    second.stop()

    assert url


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match=f"^{tmp_path}/file/valkey: Not a directory"):
        EmbeddedValkey(state_dir=tmp_path / "file").start()


def test_it_dies_with_a_parent_that_is_killed() -> None:
    program = (
        "from local_gateway.services import EmbeddedValkey; import time, redis;"
        "valkey = EmbeddedValkey(); url = valkey.start();"
        "print(redis.Redis.from_url(url).info('server')['process_id'], flush=True);"
        "time.sleep(3600)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))

        parent.kill()

        assert wait_gone(server)


def test_a_server_that_ends_is_told_with_its_last_words() -> None:
    program = "print('one', flush=True); raise SystemExit('no room on the disk')"
    server = EmbeddedValkey(command=[sys.executable, "-c", program])

    with pytest.raises(StartError, match="did not start: no room on the disk"):
        server.start()

    assert not server.is_running


def test_a_port_that_was_taken_meanwhile_is_tried_anew(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    program = (
        "import os, sys\n"
        f"tries = {str(tries)!r}\n"
        "open(tries, 'a').write('x')\n"
        "if len(open(tries).read()) < 3: sys.exit('bind: Address already in use')\n"
        "sys.exit('another problem')"
    )
    server = EmbeddedValkey(command=[sys.executable, "-c", program])

    with pytest.raises(StartError, match="another problem"):
        server.start()

    assert tries.read_text() == "xxx"

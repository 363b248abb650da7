"""Those who publish by HTTP to WebSocket clients: our service on our gateway, and its peers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.peers.entrant import FILES, Entrant, debian_version, find_program, running_at
from benchmarks.servers import ROOT, Server, free_port, running_service

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

NOT_INSTALLED = "not installed (apt-get install {})"

_NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_CONTENT = '{"number":NUMBER,"text":"' + "x" * 64 + '"}'


@dataclass(frozen=True, slots=True)
class Broker(Server):
    """A server that is told what to publish."""

    to_one: load.Publishing = field(kw_only=True)
    """How to reach the one client that there is."""
    to_all: load.Publishing = field(kw_only=True)


def find_brokers() -> list[Entrant[Broker]]:
    """Return all of them, ours first."""
    pushpin = debian_version("pushpin", "pushpin")
    nchan = debian_version("libnginx-mod-nchan", "nginx") if _NCHAN.exists() else ""
    packages = "nginx-light libnginx-mod-nchan"
    return [
        Entrant("ours, service on gateway", _running_ours),
        Entrant(
            "pushpin", _running_pushpin, pushpin, "" if pushpin else NOT_INSTALLED.format("pushpin")
        ),
        Entrant(
            "nginx with nchan",
            _running_nchan,
            nchan,
            "" if nchan else NOT_INSTALLED.format(packages),
        ),
    ]


@contextmanager
def _running_ours() -> Generator[Broker]:
    # Where the service has a budget for pushes to all, it is raised beyond what this machine does.
    is_paced = "\n  BroadcastRate:\n" in (ROOT / "template.yaml").read_text(encoding="utf-8")
    parameters = {"BroadcastRate": "1000000"} if is_paced else {}
    with running_service("redis", cache=None, StaleAfterSeconds="0", **parameters) as server:
        yield _broker(server, load.to_one(server.port), load.to_all(server.port))


@contextmanager
def _running_pushpin() -> Generator[Broker]:
    """Run it in its test mode, in which every client of `/ws` subscribes to the channel `test`."""
    port, publish_port = free_port(), free_port()
    item = {"channel": "test", "formats": {"ws-message": {"content": _CONTENT}}}
    publishing = load.Publishing(
        url=f"http://127.0.0.1:{publish_port}/publish/",
        body=json.dumps({"items": [item]}),
        is_named=False,
    )
    values = {"PUBLISH": str(publish_port), "PORT": str(port)}
    with _configured("pushpin.conf", values) as file:
        (file.parent / "routes").write_text("* test\n", encoding="utf-8")
        command = [find_program("pushpin"), f"--config={file}"]
        with running_at(command, port, path="/ws") as server:
            yield _broker(server, publishing, publishing)


@contextmanager
def _running_nchan() -> Generator[Broker]:
    port = free_port()
    publishing = load.Publishing(
        url=f"http://127.0.0.1:{port}/publish", body=_CONTENT, is_named=False
    )
    with _configured("nginx.conf", {"PORT": str(port), "MODULE": str(_NCHAN)}) as file:
        command = [find_program("nginx"), "-p", str(file.parent), "-c", str(file)]
        with running_at(command, port, path="/subscribe") as server:
            yield _broker(server, publishing, publishing)


def _broker(server: Server, to_one: load.Publishing, to_all: load.Publishing) -> Broker:
    return Broker(
        server.pid, server.port, server.start_seconds, server.path, to_one=to_one, to_all=to_all
    )


@contextmanager
def _configured(name: str, values: Mapping[str, str]) -> Generator[Path]:
    """Write a configuration with its values into a folder of its own, for which FOLDER stands."""
    with TemporaryDirectory() as folder:
        text = (FILES / name).read_text(encoding="utf-8").replace("FOLDER", folder)
        for word, value in values.items():
            text = text.replace(word, value)
        file = Path(folder, name)
        file.write_text(text, encoding="utf-8")
        yield file

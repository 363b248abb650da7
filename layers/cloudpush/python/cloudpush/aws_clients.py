"""botocore's clients, made in less than half of botocore's own time.

A first client costs what botocore reads for it: what services there are, `endpoints.json` (1.2 MB)
and the service's own model. The loader is a part of a session that may be replaced, and its reader
of files a part of the loader. Ours list services by their folders alone, and read JSON by msgspec,
into plain dicts; these keep their order as the `OrderedDict` of botocore's reader does.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import get_session

if TYPE_CHECKING:
    from botocore.session import Session


class _FileLoader(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 — any JSON
        """Return what `file_path`, which has no suffix yet, holds; None if there is no file."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return msgspec.json.decode(plain.read_bytes())
        if packed.is_file():
            return msgspec.json.decode(gzip.decompress(packed.read_bytes()))
        return None


class _Loader(Loader):
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 — botocore's
        """Return the services that have a folder; botocore's looks into some 400 for the type."""
        paths = [Path(path) for path in self.search_paths]
        folders = [each for path in paths if path.is_dir() for each in path.iterdir()]
        return sorted({each.name for each in folders if each.suffix != ".json"})


def new_session() -> Session:
    """Return a session that makes clients fast; it finds credentials as any of botocore's does."""
    session = get_session()
    session.register_component("data_loader", _Loader(file_loader=_FileLoader()))
    return session


def new_client(session: Session, service: str, *, region: str) -> Any:  # noqa: ANN401 — botocore makes it
    """Make a client whose waits are bounded: three attempts of at most 3 s.

    The endpoint comes from AWS_ENDPOINT_URL_*, where one is set: botocore reads that itself.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        tcp_keepalive=True,
    )
    make = cast("Any", session).create_client
    return make(service, region_name=region, config=config)

"""Where posts go: one stage of one WebSocket API, and the path of one connection in it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import msgspec

from cloudpush.errors import ConfigurationWrong

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE_IN_CANONICAL_PATH = "/~"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A management API's URL, taken apart."""

    host: str
    """A name or an address, without brackets."""
    port: int
    is_tls: bool
    authority: str
    """The `Host` header: lower case, without the scheme's own port."""
    path: str
    """What stands before a connection id on the wire, `/dev/@connections/`."""
    canonical_path: str
    """The same as it is signed: encoded once more, `/dev/%40connections/`."""

    def path_of(self, connection_id: str) -> str:
        """Return the path to send; the id is one that `api` has checked."""
        return self.path + connection_id.replace("=", "%3D")

    def canonical_path_of(self, connection_id: str) -> str:
        """Return the path to sign: the path as sent, encoded once more (Signature Version 4)."""
        return self.canonical_path + connection_id.replace("=", "%253D")


def parse_endpoint(url: str) -> Endpoint:
    """Take `http(s)://host[:port]/{stage}` apart.

    A custom domain has a base path instead of the stage, or no path at all. Empty segments and
    `.` are dropped, as they are when the path is signed.

    Raises:
        ConfigurationWrong: the URL is not of this form.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        host.encode("idna")  # refuses labels that no resolver takes, in the way that one would
    except (ValueError, KeyError) as error:
        raise ConfigurationWrong(f"not an http(s) URL: {url!r}") from error
    segments = [segment for segment in parts.path.split("/") if segment not in {"", "."}]
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not (host and is_plain) or ".." in segments or parts.username is not None:
        raise ConfigurationWrong(f"not the URL of a management API: {url!r}")
    if parts.query or parts.fragment:
        raise ConfigurationWrong(f"a management API's URL ends with its path: {url!r}")
    bracketed = f"[{host}]" if ":" in host else host
    path = "/".join(["", *segments, "@connections", ""])
    return Endpoint(
        host=host,
        port=port,
        is_tls=parts.scheme == "https",
        authority=bracketed if port == _DEFAULT_PORTS[parts.scheme] else f"{bracketed}:{port}",
        path=path,
        canonical_path=quote(path, safe=_SAFE_IN_CANONICAL_PATH),
    )

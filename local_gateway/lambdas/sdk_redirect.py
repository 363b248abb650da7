"""What botocore's calls in an environment go through: none of them leaves this machine.

boto3 and aiobotocore rest on botocore. `bootstrap` loads this file by its path, into any version of
Python, when a function imports botocore; so it is the standard library alone.
`node/sdk_redirect.cjs` is the same for Node.js; both are held to one table of cases.

The configuration is that of `redirect.write`:

    gateway    the emulator, `http://127.0.0.1:3000`
    apis       its WebSocket APIs by API id: `{"name": logical id, "stages": [names]}`
    http_apis  the API ids of its HTTP APIs, which no SDK calls, but a function may
    domains    what its custom domains stand for: by domain, then by mapping key,
               `{"name": logical id, "stage": name}`
    services   what else is emulated, by the end of the SDKs' variable: `{"DYNAMODB": "http://…"}`
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_AWS = re.compile(
    r"(^|\.)(amazonaws\.com(\.cn)?|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn|on\.aws"
    r"|(c2s|sc2s|csp)\.[a-z.-]*gov|cloud\.adc-e\.uk)$"
)
_EXECUTE_API = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_CONNECTIONS = re.compile(r"(?P<stage>.*?)(?P<rest>/(@|%40)connections(/.*)?)", re.IGNORECASE)
_MANAGEMENT_API = "APIGATEWAYMANAGEMENTAPI"


class Refused(Exception):
    """A call that has no place to go here; the text is for the developer."""


class Redirect:
    """Where a call goes: `url_for` says it without doing anything."""

    def __init__(self, configuration: str) -> None:
        """Take the JSON text of the configuration."""
        known: Mapping[str, Any] = json.loads(configuration)
        self._gateway: str = known["gateway"]
        self._apis: Mapping[str, Any] = known["apis"]
        self._domains: Mapping[str, Any] = known["domains"]
        self._services: Mapping[str, str] = known["services"]

    def url_for(self, service: str, operation: str, url: str) -> str:
        """Return the URL to send a call to in place of `url`, which may be the same.

        `service` is its id as the SDKs' variables end with it, `SECRETS_MANAGER`.

        Raises:
            Refused: It would leave the machine.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if _LOOPBACK.fullmatch(host):
            return url
        tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
        is_aws = _AWS.search(host) is not None
        if service == _MANAGEMENT_API and (is_aws or (parts.scheme == "https" and "." in host)):
            return self._gateway + self._management_path(host, tail)
        if not is_aws:
            return url  # the function's own choice, such as a server in a container
        if service in self._services:
            return self._services[service].rstrip("/") + tail
        raise Refused(refusal(service, operation, host, f"AWS_ENDPOINT_URL_{service}"))

    def _management_path(self, host: str, tail: str) -> str:
        """Return the path of a deployed address on the emulator."""
        match = _CONNECTIONS.fullmatch(tail)
        stage, rest = (match["stage"], match["rest"]) if match else (tail, "")
        name = unquote(stage.strip("/"))
        mapped = self._domains.get(host, {}).get(name)
        if mapped is not None:
            return f"/_apis/{mapped['name']}/{mapped['stage']}{rest}"
        deployed = _EXECUTE_API.fullmatch(host)
        api = self._apis.get(deployed[1]) if deployed else None
        if api is None:
            # An address of another deployment, or a domain of its own.
            found = [
                (one, each) for one in self._apis.values() for each in one["stages"] if each == name
            ] or [(one, each) for one in self._apis.values() for each in one["stages"]]
            if len(found) != 1:
                names = ", ".join(sorted(self._apis)) or "none"
                raise Refused(
                    f"the local gateway can't tell which WebSocket API https://{host}{stage} is: "
                    f"those of the template have the ids {names}"
                )
            api, name = found[0]
        return f"/_apis/{api['name']}/{name}{rest}"


def refusal(service: str, operation: str, host: str, variable: str) -> str:
    """Return what a call that is refused is answered."""
    return (
        f"{service} {operation} was not sent to {host}: the local gateway does not emulate it, and "
        f"lets no call of an AWS SDK leave this machine. Name another endpoint ({variable}), or "
        "start the local gateway with --no-sdk-redirect"
    )


def install(handlers: Any, configuration: str) -> None:  # noqa: ANN401 — the module botocore.handlers
    """Let every session that is made from now on ask `Redirect`."""
    from importlib import import_module  # noqa: PLC0415 — loaded already

    redirect = Redirect(configuration)
    errors: Any = import_module("botocore.exceptions")

    class ServiceNotEmulated(errors.BotoCoreError):
        """A call of an AWS SDK that has no place to go."""

        fmt = "{text}"

    def before_call(model: Any, params: dict[str, Any], **_: object) -> None:  # noqa: ANN401 — botocore's
        service = re.sub(r"[ -]", "_", model.service_model.service_id).upper()
        try:
            params["url"] = redirect.url_for(service, model.name, params["url"])
        except Refused as refused:
            raise ServiceNotEmulated(text=str(refused)) from None

    # Before it is signed, so that the signature is for where it goes.
    handlers.BUILTIN_HANDLERS.append(("before-call", before_call))

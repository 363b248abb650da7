"""Secrets Manager and Parameter Store, as far as the functions call them: a server on loopback."""

from __future__ import annotations

import json
from typing import Any, Final

from local_gateway.privileges.record import AwsCall, function_of

OPERATIONS: Final = {
    "secretsmanager.GetSecretValue": "secretsmanager:GetSecretValue",
    "AmazonSSM.GetParameter": "ssm:GetParameter",
}


class SecretsServer:
    """An ASGI application that knows secrets by ARN, and remembers which function asked for which.

    What it does not know it answers with 400, as both services do.
    """

    def __init__(self, **secrets: str) -> None:
        """Take texts by name."""
        self._secrets = secrets
        self.calls: set[AwsCall] = set()
        self.requests: list[str] = []
        """Each as it came: headers and body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 — ASGI's
        headers = dict(scope["headers"])
        sent = (await receive())["body"]
        self.requests.append(f"{headers} {sent!r}")
        body = json.loads(sent)
        arn = body.get("SecretId") or body.get("Name")
        operation = headers[b"x-amz-target"].decode()
        text = self._secrets.get(arn.rpartition(":")[2].removeprefix("parameter/"))
        self.calls.add(AwsCall(function_of(headers.items()) or "", OPERATIONS[operation], arn))
        if text is None:
            status, content = 400, {"__type": "ResourceNotFoundException"}
        elif operation.startswith("AmazonSSM"):
            status, content = 200, {"Parameter": {"Name": arn, "Value": text, "Version": 1}}
        else:
            status, content = 200, {"ARN": arn, "VersionId": "v1", "SecretString": text}
        raw = json.dumps(content).encode()
        length = [(b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": raw})


def in_secrets_manager(name: str) -> str:
    """Return the ARN of a secret."""
    return f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}"


def in_parameter_store(name: str) -> str:
    """Return the ARN of a parameter."""
    return f"arn:aws:ssm:us-east-1:123456789012:parameter/{name}"

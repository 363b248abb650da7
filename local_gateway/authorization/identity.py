"""What `requestContext.identity` says beyond the client's address: an API key, or who signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from local_gateway.api import ApiKey
    from local_gateway.authorization.signature import Credentials


def with_api_key(identity: bytes, key: ApiKey) -> bytes:
    """Put an API key in front of what `event.write_identity` wrote."""
    known = orjson.loads(identity)
    return orjson.dumps({"apiKey": key.value, "apiKeyId": key.key_id, **known})


def with_signer(
    identity: bytes, credentials: Credentials, *, user_arn: str, account_id: str
) -> bytes:
    """Add whose signature it was to what `event.write_identity` wrote.

    The keys stand as they did when AWS still sent those that had no value.
    """
    known = orjson.loads(identity)
    agent = {"userAgent": known["userAgent"]} if "userAgent" in known else {}
    return orjson.dumps(
        {
            "userArn": user_arn,
            **agent,
            "accountId": account_id,
            "caller": credentials.access_key,
            "sourceIp": known["sourceIp"],
            "accessKey": credentials.access_key,
            "user": credentials.access_key,
        }
    )

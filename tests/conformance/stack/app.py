"""The handler of every route of the conformance stack: it does what the client tells it.

A client tells it in its `User-Agent`, which every event of its connection has, or in the query of
its handshake, or in the message itself: a JSON object under `tell`, by type of event.

    {"observer": "…", "connect": {"return": {"statusCode": 201}}, "disconnect": {"raise": "no"}}

    observer    a connection of the same stage; it gets every event as a message
    post        texts to post to one's own connection, one after the other; the statuses of the
                answers go to the observer
    seconds     how long to wait before anything is returned
    raise       the text of an exception
    fill        of how many characters the body is to be
    return      what to return; without it a message is answered by its own event
"""

import json
import time
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_CONFIG = Config(retries={"total_max_attempts": 1})
_clients = {}


def handler(event, context):
    """Report the event, and do as told."""
    about = event["requestContext"]
    told = _told(event)
    observer = told.get("observer")
    mine = told.get(about["eventType"].lower(), {})
    management = _management(about)
    if observer:
        _post(management, observer, event)
    if "post" in mine:
        statuses = [_post(management, about["connectionId"], text) for text in mine["post"]]
        _post(management, observer, {"statuses": statuses})
    time.sleep(mine.get("seconds", 0))
    if "raise" in mine:
        raise RuntimeError(mine["raise"])
    if "return" in mine:
        return mine["return"]
    if "fill" in mine:
        return {"statusCode": 200, "body": "x" * mine["fill"]}
    return {"statusCode": 200, "body": json.dumps(event, ensure_ascii=False)}


def _told(event):
    about = event["requestContext"]
    query = event.get("queryStringParameters", {})
    told = _parse(query.get("tell") or unquote(about["identity"].get("userAgent", "")))
    told = told.get("tell", {})
    body = _parse(event.get("body") or "")
    return told | body.get("tell", {})


def _parse(text):
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _management(about):
    url = f"https://{about['domainName']}/{about['stage']}"
    if url not in _clients:
        _clients[url] = boto3.client("apigatewaymanagementapi", endpoint_url=url, config=_CONFIG)
    return _clients[url]


def _post(management, connection_id, what):
    text = what if isinstance(what, str) else json.dumps(what, ensure_ascii=False)
    try:
        answer = management.post_to_connection(ConnectionId=connection_id, Data=text.encode())
    except ClientError as error:
        answer = error.response
    return answer["ResponseMetadata"]["HTTPStatusCode"]

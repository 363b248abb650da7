"""The functions of the conformance stack. `handler`, of most routes, does what the client tells it.

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

An authorizer is told under `authorize`:

    effect, resource   of the only statement of its policy, instead of Allow and the `methodArn`
    result             what its result has besides, such as a `context`
    raise, return      as above
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


def authorize(event, context):
    """Report the event, and allow the handshake unless told otherwise under `authorize`."""
    told = _told(event)
    mine = told.get("authorize", {})
    if "observer" in told:
        _post(_management(event["requestContext"]), told["observer"], event)
    if "raise" in mine:
        raise RuntimeError(mine["raise"])
    if "return" in mine:
        return mine["return"]
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": mine.get("effect", "Allow"),
        "Resource": mine.get("resource", event["methodArn"]),
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "alice", "policyDocument": policy} | mine.get("result", {})


def plain(event, context):
    """Return what a request template wrote, or raise what it has under `raise`."""
    if str(event.get("raise", "")).startswith("bad"):
        raise ValueError(event["raise"])
    return event


def back_end(event, context):
    """Answer an HTTP request with what it is, and with the status that its query asks for."""
    request = {
        "method": event["requestContext"]["http"]["method"],
        "path": event["rawPath"],
        "query": event.get("queryStringParameters", {}),
        "headers": event["headers"],
        "body": event.get("body"),
    }
    return {
        "statusCode": int(request["query"].get("status", 200)),
        "headers": {"content-type": "application/json"},
        "body": json.dumps(request),
    }


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

"""Events as AWS sends them, and Lambda's context.

The WebSocket shapes are captures from us-east-2 (2022) and ap-northeast-1 (2024), published in
aws-lambda-dotnet and aws-lambda-go; the others are those of the Lambda guide («with-sqs») and of
the API Gateway guide (HTTP API, payload format 2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudpush.model import Job

CONNECTION_ID = "QyUg1czHCYcCHXw="
CONNECTED_AT_MS = 1_650_301_649_973


class FakeLambdaContext:
    """Lambda's context, with as much time left as a test says."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def __init__(self, *remaining_ms: int) -> None:
        self._remaining = list(remaining_ms)

    def get_remaining_time_in_millis(self) -> int:
        """Return the next of the times, the last again and again; without any, a minute."""
        if len(self._remaining) > 1:
            return self._remaining.pop(0)
        return self._remaining[0] if self._remaining else 60_000


def connect_event(
    query: Mapping[str, str] | None = None,
    *,
    connection_id: str = CONNECTION_ID,
    connected_at_ms: int = CONNECTED_AT_MS,
    authorizer: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a `$connect` event; `authorizer` is what its authorizer answered."""
    headers = {
        "Host": "lg10ltpf4f.execute-api.us-east-2.amazonaws.com",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Key": "BvlrrFKoKAPDYOlwBcGKWw==",
        "Sec-WebSocket-Version": "13",
        "X-Amzn-Trace-Id": "Root=1-625d9ad1-37a5d33a61dd9be33ae3a247",
        "X-Forwarded-For": "192.0.2.40",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    queries: dict[str, Any] = {}
    if query:
        queries = {
            "queryStringParameters": dict(query),
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
        }
    return {
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        **queries,
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": "QyUg1HJgCYcFvbw=",
            "requestTime": "18/Apr/2022:17:07:29 +0000",
            "messageDirection": "IN",
            "stage": "production",
            "connectedAt": connected_at_ms,
            "requestTimeEpoch": connected_at_ms,
            "identity": {"sourceIp": "192.0.2.40"},
            "requestId": "QyUg1HJgCYcFvbw=",
            "domainName": "lg10ltpf4f.execute-api.us-east-2.amazonaws.com",
            "connectionId": connection_id,
            "apiId": "lg10ltpf4f",
            **({} if authorizer is None else {"authorizer": dict(authorizer)}),
        },
        "isBase64Encoded": False,
    }


def authorizer_event(
    query: Mapping[str, str], *, method_arn: str, subprotocols: str | None = None
) -> dict[str, Any]:
    """Return the event of the authorizer of `$connect`."""
    event = connect_event(query)
    del event["isBase64Encoded"]
    if subprotocols is not None:
        event["headers"]["Sec-WebSocket-Protocol"] = subprotocols
        event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = [subprotocols]
    return {"type": "REQUEST", "methodArn": method_arn, "stageVariables": {}, **event}


def message_event(
    body: str | None,
    *,
    connection_id: str = CONNECTION_ID,
    authorizer: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a `$default` event."""
    event: dict[str, Any] = {
        "requestContext": {
            "routeKey": "$default",
            "messageId": "R1knPc2ntjMCFIA=",
            "eventType": "MESSAGE",
            "extendedRequestId": "R1knPH17NjMFftw=",
            "requestTime": "20/Jan/2024:11:55:00 +0000",
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": 1705751697419,
            "requestTimeEpoch": 1705751700453,
            "identity": {"userAgent": "Mozilla/5.0", "sourceIp": "192.0.2.154"},
            "requestId": "R1knPH17NjMFftw=",
            "domainName": "dl7ptocha9.execute-api.ap-northeast-1.amazonaws.com",
            "connectionId": connection_id,
            "apiId": "dl7ptocha9",
            **({} if authorizer is None else {"authorizer": dict(authorizer)}),
        },
        "isBase64Encoded": False,
    }
    return event if body is None else {**event, "body": body}


def disconnect_event(*, connection_id: str = CONNECTION_ID) -> dict[str, Any]:
    """Return a `$disconnect` event."""
    return {
        "headers": {
            "Host": "dl7ptocha9.execute-api.ap-northeast-1.amazonaws.com",
            "x-api-key": "",
            "X-Forwarded-For": "",
            "x-restapi": "",
        },
        "multiValueHeaders": {
            "Host": ["dl7ptocha9.execute-api.ap-northeast-1.amazonaws.com"],
            "x-api-key": [""],
            "X-Forwarded-For": [""],
            "x-restapi": [""],
        },
        "requestContext": {
            "routeKey": "$disconnect",
            "disconnectStatusCode": 1001,
            "eventType": "DISCONNECT",
            "extendedRequestId": "R1koeHsUtjMFbRw=",
            "requestTime": "20/Jan/2024:11:55:08 +0000",
            "messageDirection": "IN",
            "disconnectReason": "",
            "stage": "prod",
            "connectedAt": 1705751697419,
            "requestTimeEpoch": 1705751708326,
            "identity": {"userAgent": "Mozilla/5.0", "sourceIp": "192.0.2.154"},
            "requestId": "R1koeHsUtjMFbRw=",
            "domainName": "dl7ptocha9.execute-api.ap-northeast-1.amazonaws.com",
            "connectionId": connection_id,
            "apiId": "dl7ptocha9",
        },
        "isBase64Encoded": False,
    }


def sqs_event(*jobs: Job | str) -> dict[str, Any]:
    """Return an SQS event whose records carry these jobs, with the message ids 0, 1, …."""
    return {
        "Records": [
            {
                "messageId": str(index),
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
                "body": job if isinstance(job, str) else msgspec.json.encode(job).decode(),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:deliver",
                "awsRegion": "us-east-2",
            }
            for index, job in enumerate(jobs)
        ]
    }


def schedule_event() -> dict[str, Any]:
    """Return an EventBridge schedule's event."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"],
        "detail": {},
    }


def http_event(
    method: str, path: str, *, query: str = "", body: str | None = None
) -> dict[str, Any]:
    """Return an HTTP API's event, payload format 2.0."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "content-type": "application/json",
            "host": "dl7ptocha9.execute-api.us-east-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-forwarded-for": "192.0.2.154",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "dl7ptocha9",
            "domainName": "dl7ptocha9.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "dl7ptocha9",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.154",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2024:19:03:58 +0000",
            "timeEpoch": 1710270238000,
        },
        "isBase64Encoded": False,
    }
    return event if body is None else {**event, "body": body}

"""Functions of a small chat, one of which fails."""

import json

import boto3


def authorize(event, context):
    """Let everybody in, as whom they say that they are, as often as they say it."""
    query = event.get("queryStringParameters") or {}
    principal = query.get("name", "nobody") * int(query.get("times", 1))
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": policy}


def greet(event, context):
    return {"statusCode": 200}


def answer(event, context):
    message = json.loads(event["body"])
    print("asked about", message.get("topic"))
    if message["action"] == "fail" and not message.get("is_fine"):
        raise KeyError("topic")
    return {"statusCode": 200, "body": json.dumps({"about": message["topic"], "found": 3})}


def tell(event, context):
    here = event["requestContext"]
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://{here['domainName']}/{here['stage']}",
    )
    client.post_to_connection(ConnectionId=here["connectionId"], Data=b'{"told": true}')
    return {"statusCode": 200}

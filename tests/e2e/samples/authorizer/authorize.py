import json


def handler(event, context):
    print(json.dumps(event))
    token = event["queryStringParameters"]["token"]
    if token == "expired":
        raise Exception("Unauthorized")
    return {
        "principalId": token,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Deny" if token == "mallory" else "Allow",
                    "Resource": event["methodArn"],
                }
            ],
        },
        "context": {"tenant": event["stageVariables"]["tenant"], "level": 7},
    }

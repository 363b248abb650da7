import json


def handler(event, context):
    print(json.dumps(event))
    who = event["requestContext"]["authorizer"]
    return {
        "statusCode": 200,
        "body": f"{who['principalId']} of {who['tenant']}, level {who['level']}",
    }

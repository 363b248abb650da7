import json


def handler(event, context):
    print(json.dumps(event))
    if event["requestContext"]["routeKey"] == "$default":
        return {"statusCode": 404, "body": "what is " + event["body"] + "?"}
    message = json.loads(event["body"])
    return {"statusCode": 200, "body": json.dumps({"sum": sum(message["numbers"])})}

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    print(json.dumps(event))
    try:
        table.put_item(Item={"connectionId": event["requestContext"]["connectionId"]})
    except Exception as error:
        return {"statusCode": 500, "body": "Failed to connect: " + json.dumps(str(error))}
    return {"statusCode": 200, "body": "Connected."}

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    print(json.dumps(event))
    connections = table.scan(ProjectionExpression="connectionId")["Items"]
    here = event["requestContext"]
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://{here['domainName']}/{here['stage']}",
    )
    data = json.loads(event["body"])["data"]
    for connection in connections:
        connection_id = connection["connectionId"]
        try:
            client.post_to_connection(ConnectionId=connection_id, Data=data)
        except client.exceptions.GoneException:
            print("Found stale connection, deleting " + connection_id)
            table.delete_item(Key={"connectionId": connection_id})
    return {"statusCode": 200, "body": "Data sent."}

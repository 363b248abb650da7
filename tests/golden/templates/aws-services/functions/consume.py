"""Tells the client what came out of the queue."""

import boto3

gateway = boto3.client("apigatewaymanagementapi")


def handler(event, context):
    for record in event["Records"]:
        connection_id = record["messageAttributes"]["connectionId"]["stringValue"]
        data = f'{{"consumed":{record["body"]}}}'
        gateway.post_to_connection(ConnectionId=connection_id, Data=data.encode())

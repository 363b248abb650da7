"""One handler for everything in the room: what it does depends on the event."""

import json
import os
import time

import boto3


def handler(event, context):
    if "Records" in event:
        return work(event)
    if "clock" in event:
        return {"now": time.time() * 1000, "left": context.get_remaining_time_in_millis()}
    if "requestContext" not in event:
        return None
    if event["requestContext"]["eventType"] != "MESSAGE":
        query = event.get("queryStringParameters") or {}
        return {"statusCode": int(query.get("refuse", 200))}
    body = json.loads(event["body"])
    if body["action"] == "enqueue":
        queue = boto3.client("sqs")
        queue.send_message(
            QueueUrl=os.environ["QUEUE_URL"],
            MessageBody=json.dumps(body),
            DelaySeconds=body.get("delay", 0),
        )
    if body["action"] == "sleep":
        time.sleep(body["seconds"])
    print("handled", body.get("text"))
    return {"statusCode": 200, "body": body.get("text", "")}


def work(event):
    bodies = [json.loads(record["body"]) for record in event["Records"]]
    time.sleep(max(body.get("seconds", 0) for body in bodies))
    first = event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    if first and any(body.get("fails") for body in bodies):
        raise ValueError("the first time is always a failure")

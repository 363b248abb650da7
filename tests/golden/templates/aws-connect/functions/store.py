"""Gets what the request templates write, and no event of API Gateway."""

import json


def handler(event, context):
    if "user=mallory" in event.get("params", ""):
        raise PermissionError("not welcome: mallory")
    print(json.dumps(event))
    return {"seen": event}

"""A local emulator of API Gateway WebSocket APIs that runs any SAM or CloudFormation template.

Read it in the order in which a frame meets it: `template`, `intrinsics` and `api` make a frozen
model of a file; `server`, `session`, `handshake`, `routing`, `event` and `integration` are a
frame's way in; `management` and `registry` are a push's way out; `lambdas` runs the functions,
`sources` feeds them from queues and schedules, `services` holds the embedded servers.
"""

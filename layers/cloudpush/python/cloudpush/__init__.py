"""Distributed WebSocket push on API Gateway, Lambda and DynamoDB or Redis.

The package is the layer that every function shares. Read it in the order in which a
publication meets it: `protocol` (the envelope), the verbs (`admission`, `messaging`,
`publishing`, `fanout`, `delivery`, `sweeping`), `ports` (what the verbs need), the adapters
(`stores`, `queues`, `management`), and the edges (`events`, `boundary`, `wiring`, `settings`).
"""

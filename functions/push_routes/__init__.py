"""The routes of the push API, by resource; `push_api` puts them together.

    compatible    POST /message/send, GET /server/get: the Java system's
    messages      /v1/messages, :batch
    records       GET of /v1/messages, of one, of its receipts
    clients       /v1/clients, their inboxes, /v1/presence:query
    tickets       /v1/tickets
    statistics    /v1/statistics
    dead_letters  /v1/dead-letters
    websocket     /asyncapi.json
    pages         /health, the test page

`bodies` has the shapes that come in and go out, `answers` writes them and every error,
`guard` says who may call what,
`describing` is what OpenAPI says of them. Bodies are read by msgspec: strict JSON.
"""

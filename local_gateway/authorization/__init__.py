"""Who may connect, and who may call `@connections`: signatures, policies, authorizers, API keys.

What decides is here and does no I/O but for the call of an authorizer's function; what is decided
reaches a client as an HTTP answer, or as an error of `errors`.
"""

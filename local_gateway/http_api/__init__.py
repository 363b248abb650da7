"""HTTP APIs of API Gateway with Lambda proxy integrations, payload format 2.0.

In the order in which a request meets them: `front` reads it, `cors` answers a preflight, `routing`
finds the route, `event` writes what the function gets, `response` reads what it returned.
"""

from local_gateway.http_api.front import HttpApiFront

__all__ = ["HttpApiFront"]

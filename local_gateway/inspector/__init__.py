"""What happened lately, for those who watch: recorded by the parts, served under `/_gateway`."""

from local_gateway.inspector.journal import Journal

__all__ = ["Journal"]

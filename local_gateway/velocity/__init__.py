"""The Velocity Template Language as mapping templates use it, closed in on plain JSON."""

"""Credentials that are just there."""

from __future__ import annotations

from typing import NamedTuple


class StaticCredentials(NamedTuple):
    """A `Credentials` and its own frozen copy; the values are those of AWS's documentation."""

    access_key: str = "AKIDEXAMPLE"
    secret_key: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    token: str | None = "IQoJb3JpZ2luX2VjEXAMPLE/+token=="

    def get_frozen_credentials(self) -> StaticCredentials:
        """Return themselves: they never change."""
        return self

"""The short profile of the checker; `make chaos` runs the long ones."""

from __future__ import annotations

import pytest

from tests.chaos.checker import run
from tests.chaos.profile import Profile


@pytest.mark.valkey
@pytest.mark.timeout(420)
async def test_nothing_is_lost_whatever_fails() -> None:
    profile = Profile(messages=200, rest_seconds=300)

    outcome = await run(profile)

    assert outcome.violations == [], f"seed {profile.seed}"
    assert outcome.messages > profile.messages / 2
    assert outcome.copies["waiting"] == 0

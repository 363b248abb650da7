"""The short profiles of the checker; `make chaos` runs the long one."""

from __future__ import annotations

import pytest

from tests.chaos.checker import run
from tests.chaos.profile import Profile

PROFILES = [
    pytest.param(Profile(messages=200), marks=pytest.mark.valkey, id="valkey"),
    pytest.param(Profile(store="moto", clients=40, messages=40, sweep_seconds=30.0), id="dynamodb"),
]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.timeout(300)
async def test_nothing_is_lost_whatever_fails(profile: Profile) -> None:
    outcome = await run(profile)

    assert outcome.violations == [], f"seed {profile.seed}"
    assert outcome.accepted > profile.messages / 2
    assert outcome.counts["waiting"] == 0

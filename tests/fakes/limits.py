"""Limits as tests need them that are not about limits."""

from __future__ import annotations

from typing import Final

from cloudpush.limiting import Limit
from cloudpush.stores.memory_rates import MemoryRateStore
from tests.fakes.push_service import ManualClock

NO_LIMIT: Final = Limit("anything", per_second=0, store=MemoryRateStore, clock=ManualClock())

from __future__ import annotations

from local_gateway.faults import Faults


def test_it_is_told_how_often_each_happened() -> None:
    faults = Faults()
    faults.set({"lost-frame": 0.5})

    lost = sum(faults.happens("lost-frame") for _ in range(50))
    faults.clear()
    faults.happens("lost-frame")

    assert 0 < lost < 50
    assert (faults.times("lost-frame"), faults.times("post-429")) == (lost, 0)

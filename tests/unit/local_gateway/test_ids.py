from __future__ import annotations

import base64
import re
import struct
import uuid

import pytest

from local_gateway import ids
from local_gateway.ids import CONNECTION_ID, GatewayIds

NOW = 1_705_751_697_419  # when the connection R1kmxc2VNjMCFIA= was opened on AWS


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)


def test_ids_have_the_shape_that_was_seen() -> None:
    of_api = GatewayIds("lg10ltpf4f")

    for text in (of_api.new_connection_id(NOW), of_api.new_message_id(NOW)):
        assert CONNECTION_ID.fullmatch(text)
        assert text[11] == "C"
        assert decoded(text)[4] >> 6 == 0b11
    request_id = of_api.new_request_id(NOW)
    assert CONNECTION_ID.fullmatch(request_id)
    assert request_id[11] == "F"
    assert decoded(request_id)[4] >> 6 == 0b01


def test_ids_count_ticks_as_the_service_does() -> None:
    (ours,) = struct.unpack(">I", decoded(GatewayIds("lg10ltpf4f").new_connection_id(NOW))[:4])
    (captured,) = struct.unpack(">I", decoded("R1kmxc2VNjMCFIA=")[:4])

    assert abs(ours - captured) <= 7  # the error of the formula behind ID-3


def test_ids_sort_by_time() -> None:
    of_api = GatewayIds("lg10ltpf4f")
    times = [NOW, NOW + 25, NOW + 1_000, NOW + 86_400_000]

    drawn = [decoded(of_api.new_connection_id(time)) for time in times]

    assert drawn == sorted(drawn)


def test_ids_of_one_tick_differ() -> None:
    of_api = GatewayIds("lg10ltpf4f")

    drawn = {of_api.new_message_id(NOW) for _ in range(16_384)}

    assert len(drawn) == 16_384


def test_ids_of_an_api_share_its_constant_bytes() -> None:
    one, again, other = (
        GatewayIds(api_id) for api_id in ("aaaaaaaaaa", "aaaaaaaaaa", "bbbbbbbbbb")
    )

    constants = [decoded(each.new_connection_id(NOW))[6:8] for each in (one, again, other)]

    assert constants[0] == constants[1] != constants[2]


def test_message_has_the_host_of_its_connection() -> None:
    of_api = GatewayIds("lg10ltpf4f")

    assert decoded(of_api.new_connection_id(NOW))[6:] == decoded(of_api.new_message_id(NOW))[6:]


@pytest.mark.parametrize("wrong", ["", "abc", "QyUg1czHCYcCHXw", "QyUg1czHCYcCHXw==", "Q" * 16])
def test_connection_id_pattern_refuses_what_is_none(wrong: str) -> None:
    assert CONNECTION_ID.fullmatch(wrong) is None


def test_request_id_is_a_uuid_of_version_4() -> None:
    drawn = [uuid.UUID(ids.new_request_id()) for _ in range(100)]

    assert {(each.version, each.variant) for each in drawn} == {(4, uuid.RFC_4122)}
    assert len(set(drawn)) == 100


def test_trace_id_begins_with_the_second() -> None:
    trace_id = ids.new_trace_id(NOW)

    assert re.fullmatch(rf"Root=1-{NOW // 1000:08x}-[0-9a-f]{{24}}", trace_id)


def test_seed_replays_the_same_ids() -> None:
    def draw() -> list[str]:
        ids.seed(7)
        of_api = GatewayIds("lg10ltpf4f")
        return [
            of_api.new_connection_id(NOW),
            of_api.new_request_id(NOW),
            ids.new_request_id(),
            ids.new_trace_id(NOW),
        ]

    assert draw() == draw()

from __future__ import annotations

import pytest

from cloudpush import protocol
from cloudpush.errors import InvalidClientId
from cloudpush.protocol import MsgType


class TestClientId:
    @pytest.mark.parametrize("text", ["a", "A-Z.a_z:0@9", "x" * 128])
    def test_allowed(self, text: str) -> None:
        assert protocol.check_client_id(text) == text

    @pytest.mark.parametrize(
        "text", ["x" * 129, "a b", "a/b", "é", "a\n", "\n", "a%20", "a,b", "٣"]
    )
    def test_refused(self, text: str) -> None:
        with pytest.raises(InvalidClientId, match="1 to 128 characters"):
            protocol.check_client_id(text)

    @pytest.mark.parametrize("text", [None, ""])
    def test_required(self, text: str | None) -> None:
        with pytest.raises(InvalidClientId, match="required"):
            protocol.check_client_id(text)


class TestMsgType:
    def test_numbers_are_those_of_the_wire(self) -> None:
        numbers = {each.name: each.value for each in MsgType}

        assert numbers == {
            "ERROR": -1,
            "CONNECTION": 0,
            "BUSINESS": 1,
            "BUSINESS_ACK": 2,
            "HEARTBEAT": 3,
            "HEARTBEAT_ACK": 4,
            "SUBSCRIBE": 5,
            "SUBSCRIBE_ACK": 6,
            "UNSUBSCRIBE": 7,
            "UNSUBSCRIBE_ACK": 8,
            "PRESENCE": 9,
            "PRESENCE_ACK": 10,
            "HISTORY": 11,
            "HISTORY_ACK": 12,
            "RESUME": 13,
            "RESUME_ACK": 14,
            "CLOSE": 15,
        }

    def test_reserved_are_5_to_12(self) -> None:
        reserved = [each.value for each in MsgType if each.is_reserved]

        assert reserved == list(range(5, 13))

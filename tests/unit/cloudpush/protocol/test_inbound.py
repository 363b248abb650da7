from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudpush import protocol
from cloudpush.errors import ClientError, InvalidMessage, PayloadTooLarge
from cloudpush.model import Position
from cloudpush.protocol import Inbound, MsgType


class TestDecode:
    def test_reads_what_a_client_may_send(self) -> None:
        text = '{"msgType":1,"to":["alice","bob"],"msg":{"k":"v"},"messageId":"m-1"}'

        inbound = protocol.decode(text)

        assert inbound == Inbound(
            msg_type=MsgType.BUSINESS, to=["alice", "bob"], msg={"k": "v"}, message_id="m-1"
        )

    @pytest.mark.parametrize(
        "text",
        [
            '{"msgType":3}',
            ' \r\n\t{"msgType" : 3}\n',
            '{"msgType":3,"to":null,"msg":null,"messageId":null}',
            '{"msgType":3,"from":"mallory","trigger":{},"sessionId":7,"unknown":[1e400]}',
            '{"msgType":1,"msgType":3}',
        ],
        ids=["bare", "whitespace", "nulls", "fields-that-mean-nothing", "the-last-of-two-counts"],
    )
    def test_ignores_what_means_nothing(self, text: str) -> None:
        inbound = protocol.decode(text)

        assert inbound == Inbound(msg_type=MsgType.HEARTBEAT)

    @pytest.mark.parametrize(
        ("to", "targets"),
        [('"alice"', ["alice"]), ('["a","a"]', ["a", "a"]), ('""', []), ("[]", []), ("null", [])],
    )
    def test_targets_are_a_list_whatever_to_was(self, to: str, targets: list[str]) -> None:
        inbound = protocol.decode(f'{{"msgType":1,"to":{to}}}')

        assert inbound.targets == targets

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "   ",
            "hello",
            "5",
            "null",
            '"text"',
            "[]",
            "{",
            "{}",
            '{"msgType":3}{"msgType":3}',
            "\ufeff{}",
            "{'msgType':3}",
            '{"msgType":3,}',
            '{"msgType":NaN}',
            '{"msgType":3,"msg":{"a":Infinity}}',
            '{"msgType":3,"x":-Infinity}',
            '{"msgType":true}',
            '{"msgType":null}',
            '{"msgType":"3"}',
            '{"msgType":3.5}',
            '{"msgType":16}',
            '{"msgType":-2}',
            '{"msgType":1,"to":5}',
            '{"msgType":1,"to":{"a":"b"}}',
            '{"msgType":1,"to":["a",5]}',
            '{"msgType":1,"msg":"text"}',
            '{"msgType":1,"msg":[]}',
            '{"msgType":1,"messageId":5}',
            '{"msgType":1,"messageId":"' + "m" * 129 + '"}',
            '{"msgType":' + "9" * 5000 + "}",
            '{"msgType":1,"msg":{"n":' + "9" * 5000 + "}}",
            '{"msgType":1,"msg":{"n":1e400}}',
            '{"msgType":1,"msg":{"s":"\\ud800"}}',
            '{"msgType":1,"msg":{"s":"\ud800"}}',
            "[" * 100_000,
            '{"a":' * 20_000,
            '{"msgType":1,"msg":' + "[" * 100_000,
            '{"msgType":3,"x":' + "[" * 50_000 + "]" * 50_000 + "}",
            '{"msgType":3,"msg":' + '{"a":' * 128 + "{}" + "}" * 129,
            '{"msgType":3,"msg":{"a":' + "[" * 128 + "]" * 128 + "}}",
            "\x00",
            '{"msgType":3,"x":"\x00"}',
        ],
        ids=lambda text: repr(text)[:40],
    )
    def test_refuses_what_the_protocol_does_not_allow(self, text: str | None) -> None:
        with pytest.raises(InvalidMessage) as caught:
            protocol.decode(text)

        assert str(caught.value)

    def test_takes_as_many_levels_as_allowed(self) -> None:
        msg = '{"a":' * 127 + "{}" + "}" * 127

        inbound = protocol.decode(f'{{"msgType":3,"msg":{msg}}}')

        assert json.dumps(inbound.msg, separators=(",", ":")) == msg

    def test_keeps_whole_numbers_beyond_64_bits(self) -> None:
        inbound = protocol.decode('{"msgType":1,"msg":{"n":123456789012345678901234567890}}')

        assert inbound.msg == {"n": 123456789012345678901234567890}

    @pytest.mark.parametrize(
        ("character", "count"), [("x", 120 * 1024 - 20), ("é", (120 * 1024 - 20) // 2)]
    )
    def test_takes_a_text_of_the_limit_and_no_byte_more(self, character: str, count: int) -> None:
        text = '{"msgType":3,"x":"' + character * count + '"}'
        assert len(text.encode()) == protocol.ENVELOPE_LIMIT

        inbound = protocol.decode(text)

        assert inbound.msg_type is MsgType.HEARTBEAT
        with pytest.raises(PayloadTooLarge, match="122881 bytes"):
            protocol.decode(text + " ")

    @pytest.mark.parametrize(
        ("text", "message_id"),
        [
            ('{"msgType":99,"messageId":"m-1"}', "m-1"),
            ('{"messageId":"m-1","msgType":1,"to":[5]}', "m-1"),
            ('{"messageId":"m-1","msgType":1,"msg":' + '{"a":' * 128 + "{}" + "}" * 129, "m-1"),
            ('{"messageId":"' + "m" * 129 + '"}', None),
            ('{"messageId":7}', None),
            ('{"messageId":"m-1"', None),
            ('["messageId"]', None),
        ],
    )
    def test_the_error_carries_the_message_id_where_it_can_be_told(
        self, text: str, message_id: str | None
    ) -> None:
        with pytest.raises(InvalidMessage) as caught:
            protocol.decode(text)

        assert caught.value.message_id == message_id

    def test_the_error_repeats_nothing_of_the_content(self) -> None:
        with pytest.raises(InvalidMessage) as caught:
            protocol.decode('{"msgType":1,"msg":{"secret":1e999},"to":{"secret":"hunter2"}}')

        assert "secret" not in str(caught.value)
        assert "hunter2" not in str(caught.value)


# Pieces that break parsers, put together at random, with valid envelopes among them.
_pieces = st.sampled_from(
    [
        *'{}[]:,"\\-+.eE0123456789 \n\t\x00\x7f\ufeffé😀\ud800\udfff',
        "NaN",
        "Infinity",
        "null",
        "true",
        "1e400",
        "9" * 5000,
        "[" * 2000,
        '{"a":' * 2000,
        '"\\ud800"',
        '"\\u0000"',
        '"msgType":',
        '"to":',
        '"msg":',
        '"messageId":',
        '{"msgType":1,',
    ]
)
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_envelopes: st.SearchStrategy[str] = st.fixed_dictionaries(
    {},
    optional={
        "msgType": st.integers(-3, 17) | _json_values,
        "to": st.text() | st.lists(st.text()) | _json_values,
        "msg": st.dictionaries(st.text(), _json_values, max_size=3) | _json_values,
        "messageId": st.text(max_size=130) | _json_values,
        "from": _json_values,
    },
).map(json.dumps)


class TestDecodeSurvives:
    """Texts of three kinds: each is read, or refused as the client's fault.

    `make fuzz TARGETS=envelope` looks for more of them, led by coverage.
    """

    @staticmethod
    def _decode(text: str) -> None:
        try:
            inbound = protocol.decode(text)
        except ClientError:
            return
        assert isinstance(inbound, Inbound)
        assert json.loads(text)["msgType"] == inbound.msg_type

    @settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(_pieces, max_size=30).map("".join))
    @example("[" * 131_072)
    @example("x" * 131_072)
    def test_what_breaks_parsers(self, text: str) -> None:
        self._decode(text)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_envelopes)
    def test_envelopes_of_wrong_types(self, text: str) -> None:
        self._decode(text)

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.text(st.characters(exclude_categories=()), max_size=200))
    def test_any_text(self, text: str) -> None:
        self._decode(text)


class TestPosition:
    @pytest.mark.parametrize(
        ("epoch", "seq", "position"),
        [
            ("e", 0, Position("e", 0)),
            ("e", "17", Position("e", 17)),
            ("", 1, None),
            (None, 1, None),
            (7, 1, None),
            ("e", None, None),
            ("e", -1, None),
            ("e", "-1", None),
            ("e", "", None),
            ("e", "1.0", None),
            ("e", "²", None),
            ("e", 1.0, None),
            ("e", True, None),
            ("e", "9" * 5000, None),
            ("e", 10**15, None),
            ("e", [1], None),
        ],
    )
    def test_what_is_no_position_is_none(
        self, epoch: object, seq: object, position: Position | None
    ) -> None:
        assert protocol.position_of(epoch, seq) == position

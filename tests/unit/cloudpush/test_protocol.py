from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudpush import protocol
from cloudpush.errors import (
    ClientError,
    InvalidClientId,
    InvalidMessage,
    PayloadTooLarge,
    StoreUnavailable,
)
from cloudpush.model import Position
from cloudpush.protocol import CloseCode, Inbound, MsgType, UnaddressedEnvelope
from tests.fakes.push_service import NOON_MS, a_connection, a_publication

ALICE = a_connection("alice")
ALICE_SESSION = "alice".rjust(32, "0")


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


class TestEncode:
    """Each envelope byte for byte: the order of fields is stable, the unknown are absent."""

    def test_connection(self) -> None:
        data = protocol.encode_connection(ALICE, now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":0,"to":"alice","sessionId":"{ALICE_SESSION}",'
            f'"activeTime":{NOON_MS},"resultMsg":"connected"}}'
        )

    def test_heartbeat_ack(self) -> None:
        data = protocol.encode_heartbeat_ack(ALICE, now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":4,"to":"alice","sessionId":"{ALICE_SESSION}","activeTime":{NOON_MS}}}'
        )

    def test_heartbeat_ack_echoes_the_message_id(self) -> None:
        data = protocol.encode_heartbeat_ack(ALICE, message_id="é", now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":4,"to":"alice","sessionId":"{ALICE_SESSION}",'
            f'"messageId":"é","activeTime":{NOON_MS}}}'
        )

    def test_business_ack_always_has_missing(self) -> None:
        data = protocol.encode_business_ack(ALICE, message_id="m-1", missing=[], now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":2,"to":"alice","sessionId":"{ALICE_SESSION}",'
            f'"messageId":"m-1","activeTime":{NOON_MS},"missing":[]}}'
        )

    def test_error(self) -> None:
        error = StoreUnavailable()
        error.message_id = "m-1"

        data = protocol.encode_error(error, text="try again", now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":-1,"messageId":"m-1","activeTime":{NOON_MS},'
            '"code":"store_unavailable","temporary":true,"retryAfterMs":1000,'
            '"resultMsg":"try again"}'
        )

    @pytest.mark.parametrize(
        ("code", "number", "reconnect"),
        [(CloseCode.REPLACED, 4101, "false"), (CloseCode.STALE, 4201, "true")],
    )
    def test_close(self, code: CloseCode, number: int, reconnect: str) -> None:
        data = protocol.encode_close(ALICE, code, now_ms=NOON_MS)

        assert data.decode() == (
            f'{{"msgType":15,"to":"alice","sessionId":"{ALICE_SESSION}",'
            f'"activeTime":{NOON_MS},"closeCode":{number},"reconnect":{reconnect}}}'
        )

    def test_publication(self) -> None:
        data = UnaddressedEnvelope(a_publication({"é": "😀"})).address_to(ALICE)

        assert data.decode() == (
            f'{{"msgType":1,"to":"alice","sessionId":"{ALICE_SESSION}","trigger":1,'
            '"from":"system","messageId":"0123456789abcdef0123456789abcdef",'
            f'"requestId":"request-1","activeTime":{NOON_MS},"msg":{{"é":"😀"}}}}'
        )

    @settings(max_examples=300, deadline=None)
    @given(
        client_id=st.from_regex(r"[A-Za-z0-9._:@-]{1,128}", fullmatch=True),
        sender=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        msg=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers()),
    )
    def test_an_address_spliced_in_is_an_envelope_written_whole(
        self, client_id: str, sender: str, msg: dict[str, Any]
    ) -> None:
        connection = a_connection(client_id)
        publication = msgspec.structs.replace(a_publication(msg), sender=sender)

        spliced = UnaddressedEnvelope(publication).address_to(connection)

        assert spliced == protocol.encode(
            protocol.Envelope(
                msg_type=MsgType.BUSINESS,
                to=client_id,
                session_id=connection.session_id,
                trigger=publication.trigger,
                sender=sender,
                message_id=publication.message_id,
                request_id=publication.request_id,
                active_time=publication.accepted_at_ms,
                msg=msg,
            )
        )


class TestSize:
    def test_is_that_of_the_final_envelope(self) -> None:
        empty = len(UnaddressedEnvelope(a_publication({"s": ""})).address_to(ALICE))
        full = a_publication({"s": "é" * ((protocol.ENVELOPE_LIMIT - empty) // 2)})
        envelope = UnaddressedEnvelope(full)
        assert protocol.ENVELOPE_LIMIT - len(envelope.address_to(ALICE)) in {0, 1}

        envelope.check_size(len("alice"))

        with pytest.raises(PayloadTooLarge, match="122880 are allowed"):
            envelope.check_size(len("alice") + 2)

    def test_without_targets_supposes_the_longest_client_id(self) -> None:
        longest = a_connection("x" * 128)
        empty = len(UnaddressedEnvelope(a_publication({"s": ""})).address_to(longest))
        fits = protocol.ENVELOPE_LIMIT - empty

        UnaddressedEnvelope(a_publication({"s": "x" * fits})).check_size()

        with pytest.raises(PayloadTooLarge, match="122881 bytes"):
            UnaddressedEnvelope(a_publication({"s": "x" * (fits + 1)})).check_size()


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


class TestFrames:
    def test_each_envelope_has_a_frame_of_its_own(self) -> None:
        assert protocol.join_into_frames([b"{}", b"{}"], takes_batches=False) == [b"{}", b"{}"]

    def test_several_share_one_up_to_the_limit(self) -> None:
        envelope = b"x" * 10_000

        frames = protocol.join_into_frames([envelope] * 7, takes_batches=True)

        assert [len(each) for each in frames] == [30_004, 30_004, 10_000]
        assert frames[0] == b"[" + b",".join([envelope] * 3) + b"]"

    def test_one_that_is_larger_stands_alone(self) -> None:
        large = b"x" * 100_000

        assert protocol.join_into_frames([b"{}", large, b"{}"], takes_batches=True) == [
            b"{}",
            large,
            b"{}",
        ]

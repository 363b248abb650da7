from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudpush import protocol
from cloudpush.errors import PayloadTooLarge, StoreUnavailable
from cloudpush.protocol import CloseCode, MsgType, UnaddressedEnvelope
from tests.fakes.push_service import NOON_MS, a_connection, a_publication

ALICE = a_connection("alice")
ALICE_SESSION = "alice".rjust(32, "0")


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

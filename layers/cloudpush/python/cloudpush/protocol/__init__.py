"""The client protocol: envelopes in and out, without I/O.

The first module that a client's text meets and the last that a push leaves. One JSON object,
an *envelope*, per text message; UTF-8 without ASCII escapes; a field that is not known is absent.

    vocabulary  types, close codes and client ids: what both directions speak of
    inbound     a client's text into an `Inbound`, and any other strict JSON into its shape
    outbound    an `Envelope` into bytes, and envelopes into frames
"""

from cloudpush.protocol.inbound import (
    NESTING_LIMIT,
    Inbound,
    check_nesting,
    decode,
    decode_json,
    message_id_of,
    position_of,
)
from cloudpush.protocol.outbound import (
    BATCH_LIMIT,
    INBOX_FIELDS_BYTES,
    Envelope,
    Resumption,
    UnaddressedEnvelope,
    encode,
    encode_business_ack,
    encode_close,
    encode_connection,
    encode_entry,
    encode_error,
    encode_heartbeat_ack,
    encode_resume_ack,
    join_into_frames,
)
from cloudpush.protocol.vocabulary import (
    CLIENT_ID_LENGTH,
    ENVELOPE_LIMIT,
    SUBPROTOCOL,
    CloseCode,
    MsgType,
    check_client_id,
    is_client_id,
)

__all__ = [
    "BATCH_LIMIT",
    "CLIENT_ID_LENGTH",
    "ENVELOPE_LIMIT",
    "INBOX_FIELDS_BYTES",
    "NESTING_LIMIT",
    "SUBPROTOCOL",
    "CloseCode",
    "Envelope",
    "Inbound",
    "MsgType",
    "Resumption",
    "UnaddressedEnvelope",
    "check_client_id",
    "check_nesting",
    "decode",
    "decode_json",
    "encode",
    "encode_business_ack",
    "encode_close",
    "encode_connection",
    "encode_entry",
    "encode_error",
    "encode_heartbeat_ack",
    "encode_resume_ack",
    "is_client_id",
    "join_into_frames",
    "message_id_of",
    "position_of",
]

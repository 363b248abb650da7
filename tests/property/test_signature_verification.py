"""What botocore signs is accepted, and refused as soon as anything of it is changed."""

from __future__ import annotations

import datetime as dt
import string
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from local_gateway.authorization.errors import InvalidSignature, SignatureError
from local_gateway.authorization.signature import Credentials, SentRequest, verify

REGIONS = st.sampled_from(["us-east-1", "eu-west-1", "us-gov-west-1"])
SEGMENTS = st.text(string.ascii_letters + string.digits + "-_.~$%!&'()*+,;=:@", min_size=1)
PATHS = st.one_of(
    st.sampled_from(["/", "/dev", "/dev/", "//dev//x", "/a/./b/../c", "/dev/%40connections/x%3D"]),
    st.lists(SEGMENTS, max_size=4).map(lambda segments: "/".join(["", *segments])),
)
NAMES = st.text(max_size=6)
QUERIES = st.lists(st.tuples(NAMES.filter(bool), NAMES), max_size=4).map(
    lambda pairs: "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in pairs)
)
VALUES = st.text(
    string.printable.replace("\r", "").replace("\n", "").rstrip("\x0b\x0c"), max_size=12
)
CREDENTIALS = st.builds(
    Credentials,
    access_key=st.text(string.ascii_letters + string.digits, min_size=1, max_size=20),
    secret_key=st.text(max_size=40),
    session_token=st.none() | st.text(string.ascii_letters + "+/=", min_size=1, max_size=30),
)
TIMES_MS = st.integers(978_307_200_000, 4_102_444_800_000)


class Signed(NamedTuple):
    request: SentRequest
    now_ms: int


@st.composite
def signed(draw: st.DrawFn, credentials: Credentials, region: str, *, is_presigned: bool) -> Signed:
    now_ms = draw(TIMES_MS)
    method = "GET" if is_presigned else draw(st.sampled_from(["POST", "GET", "DELETE"]))
    body = b"" if is_presigned else draw(st.binary(max_size=50))
    query = draw(QUERIES)
    url = f"https://127.0.0.1:3000{draw(PATHS)}{'?' if query else ''}{query}"
    headers = {} if is_presigned else {"X-Mine": draw(VALUES), "User-Agent": "never signed"}
    signer = SigV4QueryAuth if is_presigned else SigV4Auth
    auth = signer(
        BotocoreCredentials(
            credentials.access_key, credentials.secret_key, credentials.session_token
        ),
        "execute-api",
        region,
    )
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    # The steps of `add_auth`, with our time in place of the clock.
    at = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(request)  # type: ignore[attr-defined] # not in the stubs
    text = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(text, request))  # type: ignore[attr-defined] # not in the stubs
    return Signed(_send(request), now_ms)


def _send(request: AWSRequest) -> SentRequest:
    parts = urlsplit(str(request.url))
    headers = [(b"host", parts.netloc.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    body = request.data if isinstance(request.data, bytes) else b""
    return SentRequest(str(request.method), parts.path, parts.query, headers, body)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), credentials=CREDENTIALS, region=REGIONS, is_presigned=st.booleans())
def test_what_botocore_signs_is_accepted(
    data: st.DataObject, credentials: Credentials, region: str, *, is_presigned: bool
) -> None:
    request, now_ms = data.draw(signed(credentials, region, is_presigned=is_presigned))
    skew_ms = data.draw(st.integers(-299_000, 60_000 if is_presigned else 299_000))
    known = {(credentials.access_key, credentials.session_token): credentials}

    found = verify(request, known, region=region, now_ms=now_ms // 1000 * 1000 + skew_ms)

    assert found == credentials


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    credentials=CREDENTIALS,
    region=REGIONS,
    is_presigned=st.booleans(),
    changed=st.sampled_from(["method", "path", "query", "body", "host", "secret", "header"]),
)
def test_what_was_changed_after_signing_is_refused(
    data: st.DataObject,
    credentials: Credentials,
    region: str,
    *,
    is_presigned: bool,
    changed: str,
) -> None:
    assume(not (is_presigned and changed == "header"))
    request, now_ms = data.draw(signed(credentials, region, is_presigned=is_presigned))
    known = {(credentials.access_key, credentials.session_token): credentials}
    match changed:
        case "method":
            request = replace(request, method="PUT")
        case "path":
            request = replace(request, path=request.path + "x")
        case "query":
            request = replace(request, query=f"{request.query}&more=1")
        case "body":
            request = replace(request, body=request.body + b"x")
        case "host":
            request = replace(request, headers=[(b"host", b"elsewhere"), *request.headers[1:]])
        case "header":
            headers = [
                (name, b"changed too" if name == b"x-mine" else value)
                for name, value in request.headers
            ]
            assume(list(request.headers) != headers)
            request = replace(request, headers=headers)
        case _:
            other = replace(credentials, secret_key=credentials.secret_key + "x")
            known = {(other.access_key, other.session_token): other}

    with pytest.raises(InvalidSignature):
        verify(request, known, region=region, now_ms=now_ms)


@settings(max_examples=300, deadline=None)
@given(
    authorization=st.text(string.printable, max_size=60)
    | st.builds("AWS4-HMAC-SHA256 {}".format, st.text("Credential=/,; SignedHeaders", max_size=60)),
    query=st.text(string.printable, max_size=60)
    | st.builds("X-Amz-Algorithm={}".format, st.text(string.printable, max_size=60)),
)
def test_nothing_that_is_sent_is_more_than_refused(authorization: str, query: str) -> None:
    headers = [(b"host", b"x"), (b"authorization", authorization.encode())]
    known: dict[tuple[str, str | None], Credentials] = {("", None): Credentials("", "")}

    for request in (SentRequest("GET", "/", "", headers), SentRequest("GET", "/", query, [])):
        with pytest.raises(SignatureError):
            verify(request, known, region="us-east-1", now_ms=0)

"""The signature is botocore's, byte for byte, over one signer used as a function uses it:
many requests, moving clock, refreshed credentials, bodies that repeat."""

from __future__ import annotations

import datetime as dt
import string
from typing import NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudpush.management.endpoint import parse_endpoint
from cloudpush.management.signing import Signer
from tests.fakes.credentials import StaticCredentials

BASE64 = string.ascii_letters + string.digits + "+/="
CONNECTION_IDS = st.text(string.ascii_letters + string.digits + "_=-", min_size=1, max_size=128)
SEGMENTS = st.text(string.ascii_letters + string.digits + "-_.~$%!&'()*+,;=:@", min_size=1).filter(
    lambda segment: segment not in {".", ".."}
)
PATHS = st.one_of(
    st.sampled_from(["", "/", "/dev", "/$default", "/dev/", "//v1//push"]),
    st.lists(SEGMENTS, max_size=3).map(lambda segments: "/".join(["", *segments])),
)
HOSTS = st.sampled_from(
    [
        "abcdef1234.execute-api.eu-west-1.amazonaws.com",
        "Push.Example.COM",
        "127.0.0.1",
        "[::1]",
        "localhost",
    ]
)
PORTS = st.sampled_from(["", ":80", ":443", ":3000"])
CREDENTIALS = st.builds(
    StaticCredentials,
    access_key=st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=20),
    secret_key=st.text(min_size=0, max_size=60),
    token=st.none() | st.text(BASE64, min_size=1, max_size=100),
)
BODIES = st.binary(max_size=200)
# From 2001 to 2100; the jumps of the clock go from nothing over seconds to days, both ways.
TIMES_MS = st.integers(978_307_200_000, 4_102_444_800_000)
STEPS_MS = st.sampled_from([0, 1, 999, 1000, 60_000, 86_399_000, 86_400_000, -1000, -86_400_000])


class Request(NamedTuple):
    method: str
    connection_id: str
    body: bytes
    step_ms: int
    credentials: StaticCredentials | None
    """None keeps those of the request before."""


REQUESTS = st.lists(
    st.builds(
        Request,
        method=st.sampled_from(["POST", "DELETE"]),
        connection_id=CONNECTION_IDS,
        body=BODIES,
        step_ms=STEPS_MS,
        credentials=st.none() | CREDENTIALS,
    ),
    min_size=4,
    max_size=16,
)


class Signed(NamedTuple):
    canonical_request: str
    headers: dict[str, str]


def sign_as_botocore(
    request: Request, url: str, region: str, credentials: StaticCredentials, now_ms: int
) -> Signed:
    # The steps of `SigV4Auth.add_auth`, with our time in place of the clock.
    auth = SigV4Auth(Credentials(*credentials), "execute-api", region)
    signed = AWSRequest(method=request.method, url=url, data=request.body)
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    signed.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(signed)  # type: ignore[attr-defined] # not in the stubs
    canonical_request = auth.canonical_request(signed)
    text = auth.string_to_sign(signed, canonical_request)
    auth._inject_signature_to_request(signed, auth.signature(text, signed))  # type: ignore[attr-defined] # not in the stubs
    return Signed(canonical_request, dict(signed.headers.items()))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scheme=st.sampled_from(["http", "https"]),
    host=HOSTS,
    port=PORTS,
    path=PATHS,
    region=st.sampled_from(["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1"]),
    credentials=CREDENTIALS,
    now_ms=TIMES_MS,
    requests=REQUESTS,
)
def test_requests_are_signed_as_botocore_signs_them(
    scheme: str,
    host: str,
    port: str,
    path: str,
    region: str,
    credentials: StaticCredentials,
    now_ms: int,
    requests: list[Request],
) -> None:
    endpoint = parse_endpoint(f"{scheme}://{host}{port}{path}")
    signer = Signer(host=endpoint.authority, region=region)

    for request in requests:
        credentials = request.credentials or credentials
        now_ms += request.step_ms
        signer.use(credentials)
        sent_path = endpoint.path_of(request.connection_id)
        canonical_path = endpoint.canonical_path_of(request.connection_id)
        url = f"{scheme}://{host}{port}{sent_path}"
        expected = sign_as_botocore(request, url, region, credentials, now_ms)

        canonical_request = signer.canonical_request(
            request.method, canonical_path, request.body, now_ms=now_ms
        )
        lines = signer.sign(request.method, canonical_path, request.body, now_ms=now_ms)

        headers = dict(line.split(": ", 1) for line in lines.split("\r\n"))
        assert urlsplit(url).path == sent_path
        assert headers.pop("Host") == endpoint.authority
        assert canonical_request == expected.canonical_request
        assert headers == expected.headers

"""The examples of docs/how-to/be-told-of-receipts.md, run on what the service signs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

from cloudpush import clock
from cloudpush.webhooks.signing import read_key, sign
from tests.node import require_node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECEIPTS: Final = [{"id": "m1/ä", "state": "delivered"}]
BODY: Final = json.dumps({"type": "receipts", "receipts": RECEIPTS}, ensure_ascii=False).encode()
PREFIXED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PLAIN = "cloudpush-development-secret"
SECRETS: Final = {"7": PREFIXED, "plain": PLAIN}

Verify: TypeAlias = "Callable[[dict[str, str], bytes], Any]"


@pytest.fixture(params=["python", "javascript"])
def verify(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Verify:
    language: str = request.param
    text = (root / "docs/how-to/be-told-of-receipts.md").read_text()
    [example] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if language == "python":
        namespace: dict[str, Any] = {}
        exec(example, namespace)
        return lambda headers, body: namespace["verify"](headers, body, SECRETS)
    node = require_node().path
    (tmp_path / "verify.mjs").write_text(example)
    (tmp_path / "run.mjs").write_text(
        "import { verify } from './verify.mjs';\n"
        "const [headers, body, secrets] = JSON.parse(process.argv[2]);\n"
        "const receipts = verify(headers, Buffer.from(body, 'base64'), secrets);\n"
        "console.log(JSON.stringify(receipts));\n"
    )

    def run(headers: dict[str, str], body: bytes) -> Any:  # noqa: ANN401 — any JSON
        argument = json.dumps([headers, base64.b64encode(body).decode(), SECRETS])
        ended = subprocess.run(
            [node, tmp_path / "run.mjs", argument], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise ValueError(ended.stderr)
        return json.loads(ended.stdout)

    return run


def signed(*, key_id: str = "7", seconds_ago: int = 0) -> dict[str, str]:
    key = read_key(key_id, SECRETS[key_id])
    return sign(BODY, webhook_id="rcpt_1", timestamp=clock.now_ms() // 1000 - seconds_ago, key=key)


@pytest.mark.parametrize("key_id", SECRETS)
def test_what_the_service_signs_is_verified(verify: Verify, key_id: str) -> None:
    assert verify(signed(key_id=key_id), BODY) == RECEIPTS


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "rcpt_2"},
        {"webhook-key-id": "plain"},
        {"webhook-signature": "v1,"},
    ],
)
def test_what_was_changed_is_not(verify: Verify, changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not signed"):
        verify(signed() | changed, BODY)


def test_neither_is_another_time(verify: Verify) -> None:
    earlier = {"webhook-timestamp": str(clock.now_ms() // 1000 - 60)}

    with pytest.raises(ValueError, match="not signed"):
        verify(signed() | earlier, BODY)


def test_neither_is_another_body(verify: Verify) -> None:
    with pytest.raises(ValueError, match="not signed"):
        verify(signed(), BODY.replace(b"delivered", b"expired"))


@pytest.mark.parametrize("seconds_ago", [400, -400])
def test_nor_what_is_from_another_time(verify: Verify, seconds_ago: int) -> None:
    with pytest.raises(ValueError, match="replay"):
        verify(signed(seconds_ago=seconds_ago), BODY)

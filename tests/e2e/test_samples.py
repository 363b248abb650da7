"""Six well-known templates, run unmodified by the emulator as a process: golden transcripts.

`pytest tests/e2e/test_samples.py --update-golden` rewrites them; read them before a commit.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.e2e.conversation import Conversation, conversing
from tests.fakes.http_server import ScriptedServer, answer
from tests.node import require_sdks

SAMPLES = Path(__file__).parent / "samples"


async def test_chat_with_its_connections_in_a_table(*, is_update: bool) -> None:
    async with conversing(SAMPLES / "chat/template.yaml", "--strict-auth") as conversation:
        ann = await conversation.connect("ann", "/Prod")
        bob = await conversation.connect("bob", "/Prod")
        await ann.say({"action": "sendmessage", "data": "hello world"})
        await ann.hear()
        await bob.hear()
        await bob.say({"action": "typo", "data": "hello"})
        await bob.hear()
        await bob.say("not JSON")
        await bob.hear()
        await bob.leave()
        await ann.say({"action": "sendmessage", "data": "alone"})
        await ann.hear()
        await ann.leave()

    check("chat", conversation, is_update=is_update)


async def test_request_authorizer_and_its_context(*, is_update: bool) -> None:
    async with conversing(SAMPLES / "authorizer/template.yaml", "--strict-auth") as conversation:
        await conversation.be_refused("nobody", "/prod")
        await conversation.be_refused("mallory", "/prod?token=mallory")
        await conversation.be_refused("late", "/prod?token=expired")
        ann = await conversation.connect("ann", "/prod?token=ann")
        await ann.say("who am I?")
        await ann.hear()
        await ann.leave()

    check("authorizer", conversation, is_update=is_update)


async def test_two_way_route_response(*, is_update: bool) -> None:
    async with conversing(SAMPLES / "two-way/template.yaml", "--strict-auth") as conversation:
        ann = await conversation.connect("ann", "/live")
        await ann.say({"action": "tell", "numbers": [1, 2]})
        await ann.say({"action": "ask", "numbers": [3, 4]})
        await ann.hear()
        await ann.say("[]")
        await ann.hear()
        await ann.say({"action": "ask", "numbers": None})
        await ann.hear()
        await ann.leave()

    check("two-way", conversation, is_update=is_update)


async def test_http_proxy_with_request_parameters(*, is_update: bool) -> None:
    async with ScriptedServer() as back_end:
        backend = f"Backend=127.0.0.1:{back_end.port}"
        back_end.script("connected?user=eve", answer(403))
        back_end.script(
            "17?stage=prod",
            answer(202, body=b'{"accepted":17}'),
            answer(409, body=b'{"error":"twice"}'),
        )
        async with conversing(
            SAMPLES / "http-proxy/template.yaml", "--parameter-overrides", backend
        ) as conversation:
            await conversation.be_refused("nobody", "/prod")
            await conversation.be_refused("eve", "/prod?user=eve")
            ann = await conversation.connect("ann", "/prod?user=ann")
            await ann.say({"action": "order", "order": {"id": 17, "size": "large"}})
            await ann.hear()
            await ann.say({"action": "order", "order": {"id": 17, "size": "small"}})
            await ann.hear()
            await ann.leave()
    conversation.note_requests(back_end.requests)

    check("http-proxy", conversation, is_update=is_update)


async def test_mock_ping(*, is_update: bool) -> None:
    async with conversing(SAMPLES / "mock-ping/template.yaml") as conversation:
        ann = await conversation.connect("ann", "/beta")
        await ann.say({"action": "ping"})
        await ann.hear()
        await ann.say({"action": "pong"})
        await ann.hear()
        await ann.leave()

    check("mock-ping", conversation, is_update=is_update)


async def test_node_posts_back_by_its_sdk(tmp_path: Path, *, is_update: bool) -> None:
    sdks = require_sdks()
    shutil.copytree(SAMPLES / "node-sdk", tmp_path, dirs_exist_ok=True)
    (tmp_path / "src/node_modules").symlink_to(sdks)
    async with conversing(tmp_path / "template.yaml", "--strict-auth") as conversation:
        await conversation.be_refused("nobody", "/dev")
        ann = await conversation.connect("ann", "/dev?name=ann")
        await ann.say("hello")
        await ann.hear(3)
        await ann.say("bye")
        await ann.hear(3)
        await ann.is_closed()

    check("node-sdk", conversation, is_update=is_update)


def check(name: str, conversation: Conversation, *, is_update: bool) -> None:
    file = SAMPLES / name / "transcript.txt"
    transcript = conversation.transcript()
    if is_update:
        file.write_text(transcript)
    assert transcript == file.read_text()

"""What is secret is compared in constant time: `==` tells by its time how much of a guess is right.

API key                 `hmac.compare_digest` of its SHA-256
ticket                  found by its SHA-256: nothing is compared
token, HS256            PyJWT, by `hmac.compare_digest`; with a public key there is no secret
the emulator's token    `hmac.compare_digest`
Signature Version 4     `hmac.compare_digest`
webhook                 the receiver's: the examples of the documentation
"""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from jwt.algorithms import HMACAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LAYER: Final = "layers/cloudpush/python/cloudpush"
SOURCES: Final = [
    path
    for folder in (LAYER, "functions", "local_gateway")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
_SECRET: Final = re.compile(
    r"(^|_)(digest|secret|signature|signing_key|token|ticket|api_key|mac|hash|password)(s|_text)?$"
)
_COMPARING: Final = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)

VERIFYING: Final = {
    f"{LAYER}/api_keys.py": set[str](),
    f"{LAYER}/tickets.py": {"named == principal.client_id"},
    f"{LAYER}/tokens.py": {"header.alg != rules.algorithm"},
    f"{LAYER}/secret.py": set[str](),
    f"{LAYER}/signing_keys.py": set[str](),
    f"{LAYER}/webhooks/signing.py": set[str](),
    f"{LAYER}/stores/memory_access.py": set[str](),
    f"{LAYER}/stores/dynamodb_access.py": set[str](),
    f"{LAYER}/stores/redis_access.py": set[str](),
    "local_gateway/own.py": set[str](),
}
"""Where secrets are at hand, and what is compared there that is none."""

COMPARING_IN_CONSTANT_TIME: Final = {
    f"{LAYER}/api_keys.py",
    "local_gateway/own.py",
    "local_gateway/authorization/signature.py",
}


def comparisons_in(source: str) -> Iterator[tuple[ast.expr, ast.expr, str]]:
    """Yield what is compared by `==`, `!=`, `in` or `not in`, neither side being written there."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        for operator, sides in zip(node.ops, pairwise([node.left, *node.comparators]), strict=True):
            if isinstance(operator, _COMPARING) and not any(is_written(each) for each in sides):
                yield *sides, ast.unparse(node)


def is_written(side: ast.expr) -> bool:
    """Tell whether a side of a comparison is a constant, a name of one, or a number of things."""
    match side:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.Tuple(elts=inner) | ast.List(elts=inner) | ast.Set(elts=inner):
            return all(is_written(each) for each in inner)
        case ast.Call(func=ast.Name(id=name)):
            return name == "len"
        case _:
            return False


def name_of(side: ast.expr) -> str:
    """Return the name that says what a side is, or an empty one."""
    match side:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name.replace("-", "_").lower()
        case ast.Call(func=ast.Attribute(value=inner, attr="encode" | "decode" | "strip")):
            return name_of(inner)
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Await(value=inner):
            return name_of(inner)
        case _:
            return ""


def secrets_compared_in(source: str) -> list[str]:
    """Return the comparisons of which a side is named as what is secret."""
    return [
        text
        for left, right, text in comparisons_in(source)
        if _SECRET.search(name_of(left)) or _SECRET.search(name_of(right))
    ]


def test_nothing_that_is_named_as_a_secret_is_compared_plainly() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): secrets_compared_in(path.read_text()) for path in SOURCES
    }

    assert {path: texts for path, texts in found.items() if texts} == {}


@pytest.mark.parametrize("file", VERIFYING)
def test_where_secrets_are_at_hand_nothing_else_is_compared_plainly(file: str) -> None:
    compared = {text for _, _, text in comparisons_in((ROOT / file).read_text())}

    assert compared == VERIFYING[file]


def test_who_compares_secrets_does_it_in_constant_time() -> None:
    comparing = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if "hmac.compare_digest(" in path.read_text()
    }

    assert comparing == COMPARING_IN_CONSTANT_TIME


def test_the_library_of_tokens_does() -> None:
    verify = inspect.getsource(HMACAlgorithm.verify)

    assert "hmac.compare_digest(" in verify


def test_the_examples_for_receivers_do() -> None:
    page = (ROOT / "docs/how-to/be-told-of-receipts.md").read_text()
    [python] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [javascript] = re.findall(r"^```javascript\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    assert "hmac.compare_digest(" in python
    assert secrets_compared_in(python) == []
    assert "timingSafeEqual(" in javascript


@pytest.mark.parametrize(
    "source",
    [
        "key.digest == _digest(text)",
        "ticket != shown",
        "expected_signature == headers['x']",
        "found == headers['webhook-signature']",
        "digest(text) in known",
        "(secret.encode() == b) or c",
        "shown not in self._tokens",
    ],
)
def test_a_plain_comparison_of_secrets_would_be_found(source: str) -> None:
    assert len(secrets_compared_in(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "hmac.compare_digest(key.digest, digest(text))",
        "token is None",
        "token == ''",
        "len(text) == _LENGTH",
        "secret in (None, '')",
        "header['alg'] != rules.algorithm",
    ],
)
def test_other_comparisons_are_let_be(source: str) -> None:
    assert secrets_compared_in(source) == []

"""SAM's expansion, and how it is kept on disk."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_gateway import samtransform
from local_gateway.api import Application, Identity
from local_gateway.errors import TemplateError
from local_gateway.template import load

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
  RedisUrl: { Type: String, Default: "redis://localhost" }
Globals:
  Function: { Runtime: python3.13, Handler: app.handler, CodeUri: . }
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub fn-${Stage}
      Environment: { Variables: { REDIS_URL: !Sub "${RedisUrl}/0" } }
"""

Load = Callable[..., Application]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def read(tmp_path: Path, cache: Path) -> Load:
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE)

    def read(*, identity: Identity | None = None, **parameters: str) -> Application:
        return load(file, parameters=parameters, identity=identity or Identity(), cache_dir=cache)

    return read


def results(cache: Path) -> list[Path]:
    return sorted(cache.glob("sam/*.json"))


def test_a_result_is_kept_and_read_again(read: Load, cache: Path) -> None:
    first = read()
    (kept,) = results(cache)
    kept.write_text(kept.read_text().replace("fn-${Stage}", "kept-${Stage}"))

    again = read()

    assert first.functions["Function"].name == "fn-dev"
    assert again.functions["Function"].name == "kept-dev"


def test_a_kept_result_needs_no_translator(read: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read()
    for module in [name for name in sys.modules if name.partition(".")[0] == "samtranslator"]:
        monkeypatch.setitem(sys.modules, module, None)

    assert read() == first


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 50_000, b"null"])
def test_a_result_that_cant_be_read_is_made_anew(read: Load, cache: Path, content: bytes) -> None:
    first = read()
    results(cache)[0].write_bytes(content)

    assert read() == first


def test_a_folder_that_cant_be_written_to_is_no_error(read: Load, cache: Path) -> None:
    cache.write_text("a file where the folder should be")

    assert read().functions["Function"].name == "fn-dev"


def test_what_the_translator_reads_makes_another_result(read: Load, cache: Path) -> None:
    read()
    read(Stage="prod")
    read(identity=Identity(region="eu-west-1"))

    assert len(results(cache)) == 3


def test_what_stands_in_variables_alone_makes_none(read: Load, cache: Path) -> None:
    first = read(RedisUrl="redis://localhost:1111")
    second = read(RedisUrl="redis://localhost:2222")

    assert len(results(cache)) == 1
    assert first.functions["Function"].environment == {"REDIS_URL": "redis://localhost:1111/0"}
    assert second.functions["Function"].environment == {"REDIS_URL": "redis://localhost:2222/0"}


def test_only_so_many_results_are_kept(read: Load, cache: Path) -> None:
    (cache / "sam").mkdir(parents=True)
    for index in range(50):
        (cache / "sam" / f"{index}.json").write_text("{}")

    read()

    assert len(results(cache)) == 32


def test_nothing_half_written_stays_behind(read: Load, cache: Path) -> None:
    read()

    assert [file.suffix for file in (cache / "sam").iterdir()] == [".json"]


def expand(tree: dict[str, Any]) -> dict[str, Any]:
    return samtransform.expand(
        "", tree, file=Path("t.yaml"), parameters={}, identity=Identity(), cache_dir=None
    )


def function(**properties: object) -> dict[str, Any]:
    properties = {"Runtime": "python3.13", "Handler": "a.b", **properties}
    resource = {"Type": "AWS::Serverless::Function", "Properties": properties}
    return {"Transform": samtransform.TRANSFORM, "Resources": {"Fn": resource}}


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("src/", {"S3Bucket": samtransform.LOCAL, "S3Key": "src/"}),
        ({"Ref": "Folder"}, {"S3Bucket": samtransform.LOCAL, "S3Key": {"Ref": "Folder"}}),
        ("s3://bucket/key", {"S3Bucket": "bucket", "S3Key": "key"}),
        ({"Bucket": "b", "Key": "k"}, {"S3Bucket": "b", "S3Key": "k"}),
    ],
)
def test_a_local_path_travels_as_a_key(uri: object, code: object) -> None:
    expanded = expand(function(CodeUri=uri))

    assert expanded["Resources"]["Fn"]["Properties"]["Code"] == code


def test_a_function_without_a_path_stands_beside_the_template() -> None:
    expanded = expand(function())

    code = {"S3Bucket": samtransform.LOCAL, "S3Key": "."}
    assert expanded["Resources"]["Fn"]["Properties"]["Code"] == code


def test_the_tree_that_it_gets_stays_as_it_is() -> None:
    tree = function(CodeUri="src")
    before = json.dumps(tree)

    expand(tree)

    assert json.dumps(tree) == before


def test_the_users_aws_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this-profile")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)

    assert "Fn" in expand(function())["Resources"]


def test_what_the_translator_refuses_is_said_in_its_words() -> None:
    with pytest.raises(TemplateError) as caught:
        expand(function(Events=5))

    assert str(caught.value) == "t.yaml: Fn: Type of property 'Events' is invalid."


def test_what_breaks_inside_the_translator_is_the_templates_error() -> None:
    properties = {"RouteSelectionExpression": "a", "Routes": {"a": 1}}
    api = {"Type": "AWS::Serverless::WebSocketApi", "Properties": properties}

    with pytest.raises(TemplateError) as caught:
        expand({"Transform": samtransform.TRANSFORM, "Resources": {"Api": api}})

    assert str(caught.value) == (
        "t.yaml: the SAM transform can't read it: "
        "AttributeError: 'int' object has no attribute 'get'."
    )


def test_the_translator_does_not_write_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    preference = "AutoPublishAlias: live\n      DeploymentPreference: { Type: AllAtOnce }"
    file.write_text(TEMPLATE.replace("FunctionName: !Sub fn-${Stage}", preference))
    script = (
        "from pathlib import Path; from local_gateway.api import Identity;"
        "from local_gateway.template import load;"
        f"load(Path({str(file)!r}), parameters={{}}, identity=Identity())"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)

    assert (run.stdout, run.stderr) == ("", "")

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local_gateway.lambdas import bootstrap
from local_gateway.lambdas.interpreters import own_python
from local_gateway.lambdas.variables import (
    environment_variables,
    import_folders,
    log_stream_name,
)
from tests.unit.local_gateway.lambdas.conftest import IDENTITY

if TYPE_CHECKING:
    import pytest

    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

ENVIRON = """
    import os
    def handler(event, context):
        return dict(os.environ)
"""


async def test_a_function_sees_lambdas_variables_and_nothing_of_the_developers(
    start_host: StartHost, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "PYTHONPATH", "AWS_ACCESS_KEY_ID", "MY_SECRET"):
        monkeypatch.setenv(name, "the developer's")
    function = write_function(ENVIRON, memory_mb=512, environment={"MINE": "1"})
    host = await start_host(function, environment={"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"})

    seen = await host.ask()

    # The interpreter's own doing where LANG's locale is not installed (PEP 538).
    seen.pop("LC_CTYPE", None)
    assert seen == {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": seen["AWS_LAMBDA_LOG_STREAM_NAME"],
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local/F",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "LAMBDA_RUNTIME_DIR": str(Path(bootstrap.__file__).parent),
        "LAMBDA_TASK_ROOT": str(function.code),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": f"{function.code}:{function.code}/lib",
        "MINE": "1",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": seen["_X_AMZN_TRACE_ID"],
    }
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["AWS_LAMBDA_LOG_STREAM_NAME"]
    )


def test_the_functions_own_variables_win_but_for_lambdas_reserved_ones(
    write_function: WriteFunction,
) -> None:
    own = {"SHARED": "own", "TZ": "Europe/Rome", "AWS_REGION": "own"}
    function = write_function(environment=own)

    variables = environment_variables(function, IDENTITY, extra={"SHARED": "ours", "MORE": "ours"})

    assert variables["SHARED"] == "own"
    assert variables["MORE"] == "ours"
    assert variables["TZ"] == "Europe/Rome"
    assert variables["AWS_REGION"] == "us-east-1"


def test_a_log_stream_is_named_by_the_day_in_utc() -> None:
    assert log_stream_name(1_704_067_199_999, "ab") == "2023/12/31/[$LATEST]ab"


def test_layers_are_searched_behind_the_code(write_function: WriteFunction) -> None:
    function = write_function()

    assert import_folders(function, Path("/layers"), "3.12") == [
        str(function.code),
        "/layers/python/lib/python3.12/site-packages",
        "/layers/python",
    ]


async def test_imports_come_from_the_code_then_the_layers_then_the_rest(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path
) -> None:
    source = """
        import importlib.util, os, sys
        import in_code, in_layer, json
        def handler(event, context):
            return {
                "found": [in_code.where, in_layer.where, hasattr(json, "dumps")],
                "path": sys.path[:4],
                "cwd": os.getcwd(),
                "argv": sys.argv,
                "same": importlib.import_module("app").handler is handler,
                "name": __name__,
                "botocore": bool(importlib.util.find_spec("boto3")),
            }
    """
    layer = tmp_path / "layer"
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "in_code.py").write_text("where = 'layer'")
    (layer / "python" / "in_layer.py").write_text("where = 'layer'")
    files = {"in_code.py": "where = 'code'"}
    function = write_function(source, files=files, layers=(layer,))
    host = await start_host(function)

    answer = await host.ask()

    assert answer == {
        "found": ["code", "layer", True],
        "path": [*import_folders(function, layer, own_python().series), answer["path"][3]],
        "cwd": str(function.code),
        "argv": [bootstrap.__file__, "app.handler"],
        "same": True,
        "name": "app",
        "botocore": True,
    }


async def test_a_handlers_module_may_be_named_with_slashes_or_dots(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    files = {"inner/deep.py": "def handler(event, context): return __name__"}
    host = await start_host(
        write_function(name="Slash", files=files, handler="inner/deep.handler"),
        write_function(name="Dot", files=files, handler="inner.deep.handler"),
    )

    answers = [await host.ask("Slash"), await host.ask("Dot")]

    assert answers == ["inner.deep", "inner.deep"]


async def test_a_handler_starts_with_light_modules_only(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import sys
        loaded = set(sys.modules)
        def handler(event, context):
            heavy = {"asyncio", "boto3", "botocore", "ctypes", "http", "ssl", "local_gateway"}
            return sorted(loaded & heavy | loaded & {"runtime_client", "orjson"})
    """
    host = await start_host(write_function(source))

    assert await host.ask() == []

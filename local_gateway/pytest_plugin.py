"""The pytest plugin: fixtures that serve a template for a test. It imports nothing until then.

    @pytest.mark.gateway("template.yaml", parameters={"Stage": "test"})
    async def test_hello(gateway):
        client = await gateway.connect()

The mark's arguments are those of `local_gateway.testing.serve`. Without a template in it, the one
of the ini option `gateway_template` is served; its path counts from the root directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_gateway.testing import BlockingGateway, Gateway, serve

__tracebackhide__ = True
_OPTION = "gateway_template"
_DEFAULT = "template.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    parser.addini(_OPTION, "the template that the fixture gateway serves", default=_DEFAULT)


def pytest_configure(config: pytest.Config) -> None:
    """Add the mark."""
    config.addinivalue_line(
        "markers", "gateway(template, **options): what the fixture gateway serves"
    )


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """Serve a template to a test that is `async`; see `local_gateway.testing.Gateway`."""
    yield from _serving(request, is_blocking=False)


@pytest.fixture
def blocking_gateway(request: pytest.FixtureRequest) -> Iterator[BlockingGateway]:
    """Serve a template to a test that isn't."""
    yield from _serving(request, is_blocking=True)


def _serving(request: pytest.FixtureRequest, *, is_blocking: bool) -> Iterator[Any]:
    server = _serve(request)
    with server as blocking:
        yield blocking if is_blocking else server.gateway


def _serve(request: pytest.FixtureRequest) -> serve:
    from local_gateway.testing import serve  # noqa: PLC0415 — only for who asks for a gateway

    mark = request.node.get_closest_marker("gateway")
    arguments: tuple[Any, ...] = () if mark is None else mark.args
    options: dict[str, Any] = {} if mark is None else dict(mark.kwargs)
    template = arguments[0] if arguments else request.config.getini(_OPTION)
    return serve(request.config.rootpath / template, **options)

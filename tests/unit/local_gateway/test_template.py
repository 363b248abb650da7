"""Any template, however wrong, becomes a model or a TemplateError."""

import json
from pathlib import Path
from typing import Any, TypeAlias, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_gateway import document
from local_gateway.api import Identity
from local_gateway.errors import TemplateError
from local_gateway.template import load

GOLDEN = Path(__file__).parents[2] / "golden" / "templates"
FILES = sorted(GOLDEN.glob("*/*template.*"))
NAMES = [
    *("Ref", "Fn::Sub", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Select", "Condition"),
    *("Type", "Properties", "Metadata", "Default", "Api", "Function", "Queue", "A", "${A}"),
    *("${A.Arn}", "AWS::NoValue", "AWS::Region", "$default", "GET /", "../shared"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**20),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(NAMES),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), inner, max_size=2),
    ),
    max_leaves=5,
)
Node: TypeAlias = "dict[Any, Any] | list[Any]"
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_a_template_with_values_exchanged_loads_or_is_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    source = data.draw(st.sampled_from(FILES))
    tree = document.parse(source.read_text(), source)
    for _ in range(data.draw(st.integers(1, 3))):
        _exchange(tree, data)
    file = tmp_path / "golden" / "template.json"
    _place(file, json.dumps(tree).replace("Infinity", "1e999").replace("NaN", "null"))

    assert _outcome(file)


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_a_template_with_its_text_damaged_loads_or_is_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    source = data.draw(st.sampled_from([file for file in FILES if file.suffix == ".yaml"]))
    text = source.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        until = at + data.draw(st.integers(0, 10))
        text = text[:at] + data.draw(st.text("\n\t -:&*!{}[]'\"#|>a1%@`\\?,<~é\x00")) + text[until:]
    file = tmp_path / "golden" / "template.yaml"
    _place(file, text)

    assert _outcome(file)


def _exchange(tree: Node, data: st.DataObject) -> None:
    """Replace, remove, rename or wrap one value somewhere in `tree`."""
    node = tree
    while keys := list(node) if isinstance(node, dict) else list(range(len(node))):
        key = data.draw(st.sampled_from(keys))
        inner = node[key]
        if not isinstance(inner, dict | list) or data.draw(st.integers(0, 4)) == 0:
            break
        node = cast("Node", inner)
    else:
        return
    match data.draw(st.sampled_from(["replace", "remove", "rename", "wrap"])):
        case "remove":
            del node[key]
        case "rename" if isinstance(node, dict):
            node[data.draw(st.sampled_from(NAMES))] = node.pop(key)
        case "wrap":
            node[key] = {data.draw(st.sampled_from(NAMES)): inner}
        case _:
            node[key] = data.draw(VALUES)


def _place(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    shared = file.parent.parent / "shared"
    if not shared.exists():
        shared.symlink_to(GOLDEN / "shared")
    file.write_bytes(text.encode("utf-8", "surrogatepass"))


def _outcome(file: Path) -> str:
    try:
        return repr(load(file, parameters={}, identity=Identity()))
    except TemplateError as error:
        return str(error)

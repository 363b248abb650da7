from __future__ import annotations

import pytest

from local_gateway.stage_variables import has_stage_variables, replace_stage_variables


@pytest.mark.parametrize(
    "text", ["${stageVariables.a}", "${stageVariables['a']}", '${stageVariables["a"]}']
)
def test_reference_is_replaced(text: str) -> None:
    assert has_stage_variables(text)
    assert replace_stage_variables(f"x-{text}/{text}", {"a": "1"}) == "x-1/1"


def test_text_without_a_reference_stays() -> None:
    assert not has_stage_variables("${other.a} stageVariables.a")
    assert replace_stage_variables("${other.a}", {}) == "${other.a}"


def test_variable_that_the_stage_lacks_is_named() -> None:
    with pytest.raises(KeyError, match="b"):
        replace_stage_variables("${stageVariables.b}", {"a": "1"})

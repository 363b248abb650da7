"""What text is a template, and how YAML's freedoms are read."""

from pathlib import Path

import pytest

from local_gateway import document, yamltree
from local_gateway.errors import TemplateError

YAML = Path("template.yaml")


def read(text: str, file: Path = YAML) -> object:
    return document.parse(text, file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-1_000", -1000),
        ("0644", 420),
        ("0x1F", 31),
        ("0b101", 5),
        ("089", "089"),
        ("1.50", 1.5),
        (".5e-1", 0.05),
        ("1e3", "1e3"),
        ("10:30", "10:30"),
        ("2012-10-17", "2012-10-17"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("! 12", "12"),
        ("|\n    a\n    b", "a\nb"),
        ("[1, two]", [1, "two"]),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
    ],
)
def test_a_scalar_is_read_as_cloudformation_reads_it(text: str, value: object) -> None:
    assert read(f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!Condition A", {"Condition": "A"}),
        ("!Sub '${A}'", {"Fn::Sub": "${A}"}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ("!GetAtt A", {"Fn::GetAtt": ["A"]}),
        ("!If [a, !Ref B, 1]", {"Fn::If": ["a", {"Ref": "B"}, 1]}),
        ("!Transform {Name: x}", {"Fn::Transform": {"Name": "x"}}),
    ],
)
def test_a_short_tag_is_the_long_function(text: str, value: object) -> None:
    assert read(f"key: {text}") == {"key": value}


def test_keys_are_texts() -> None:
    tree = read("123456789012: a\ntrue: b\n2026-01-01: c\n'<<': d\n")

    assert tree == {"123456789012": "a", "true": "b", "2026-01-01": "c", "<<": "d"}


def test_aliases_and_merges_are_expanded() -> None:
    tree = read(
        "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n"
        "d: {<<: [{x: 4}, *a], z: 5}\ne: [&s text, *s]\n"
    )

    assert tree == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
        "d": {"x": 4, "y": 2, "z": 5},
        "e": ["text", "text"],
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("? [a]\n: b", "line 1, column 3: a key has to be a text"),
        ("a: {<<: 1}", "line 1, column 9: << merges mappings, not a number"),
        ("a: !!binary aGk=", "line 1, column 4: CloudFormation has no tag !!binary"),
        ("a: !!set {b}", "line 1, column 4: CloudFormation has no tag !!set"),
        ("a: 0b_", "line 1, column 4: 0b is no number that can be read"),
        ("a: " + "9" * 5_000, f"line 1, column 4: {'9' * 20} is no number that can be read"),
        ("a: [", "line 2, column 1: did not find expected node content"),
        ('a: "\\0"', "a: holds the character U+0000"),
        ('"\\0": a', "has the key '\\x00'"),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text)

    assert str(caught.value) == f"template.yaml: {problem}."


@pytest.mark.parametrize("opening", ["[", "{a: ", "- " * 5, "[&a "])
def test_deep_nesting_is_refused_before_it_costs_anything(opening: str) -> None:
    with pytest.raises(TemplateError, match="nested deeper than 100 levels"):
        read("a:\n  " + opening * 100_000)


def test_nesting_by_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))]

    with pytest.raises(TemplateError, match="is nested deeper than 100 levels"):
        read("\n".join(lines))


def test_the_number_of_values_is_limited() -> None:
    assert yamltree.MAX_NODES == 500_000
    with pytest.raises(TemplateError, match="more than 500,000 values"):
        read("a: &a [" + "x," * 1_000 + "]\nb: &b [" + "*a," * 1_000 + "]")


def test_the_text_that_aliases_stand_for_is_limited() -> None:
    assert yamltree.MAX_CHARACTERS == 10_000_000
    with pytest.raises(TemplateError, match="more than 10,000,000 characters once aliases"):
        read(f"a: &a {'x' * 100_000}\nb: [{'*a,' * 100}]")


def test_a_file_without_end_is_read_up_to_a_limit() -> None:
    with pytest.raises(TemplateError, match="is longer than 8,000,000 bytes"):
        document.read_text(Path("/dev/zero"))


def test_json_is_read_by_its_suffix() -> None:
    assert read('{"a": [1, 1.5, null]}', Path("Stack.template.json")) == {"a": [1, 1.5, None]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "the file holds a list. Supported: a mapping with the section Resources"),
        ("", "line 1, column 1: Expecting value"),
        ("[" * 50_000, "is nested too deeply"),
        ('{"a": ' * 150 + "1" + "}" * 150, "is nested deeper than 100 levels"),
        ('{"a": "\\ud800"}', "a: holds the character U+D800"),
        ('{"a": ["\\u0000"]}', "a[0]: holds the character U+0000"),
    ],
)
def test_json_that_is_no_template_is_refused(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text, Path("t.json"))

    assert str(caught.value) == f"t.json: {problem}."


def test_json_with_a_number_that_python_cant_convert_is_refused() -> None:
    with pytest.raises(TemplateError, match="digits"):
        read(f'{{"a": {"9" * 5_000}}}', Path("t.json"))


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: b")

    assert document.read_text(file) == "a: b"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="can't be read: No such file or directory"):
        document.read_text(tmp_path / "template.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="can't be read: Is a directory"):
        document.read_text(tmp_path)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_bytes(b"a: \xe9")

    with pytest.raises(TemplateError, match="byte 3 is not UTF-8"):
        document.read_text(file)

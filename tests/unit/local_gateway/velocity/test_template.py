# pyright: reportPrivateUsage=false, reportUnknownArgumentType=false

from __future__ import annotations

import inspect
import re
from typing import Any

import airspeed
import pytest

from local_gateway.velocity.grammar import FAMILY, MAX_ITERATIONS
from local_gateway.velocity.template import MAX_TEMPLATE_BYTES, Template
from local_gateway.velocity.values import Tool, VelocityError

MAP: dict[str, Any] = {"a": 1, "list": [1, 2.5, "x", None, True], "map": {"b": "c"}, "text": "Hi"}

MISUNDERSTOOD = "isn't understood: line 1, column"
BLOCK = "expected block element in template body"


def render(text: str, **variables: Any) -> str:  # noqa: ANN401 — values of a template
    return Template(text).render({"x": MAP, "u": Tool({"go": lambda: "went"}), **variables})


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("plain", "plain"),
        ("$x.a ${x.a} $!x.a $!{x.a}", "1 1 1 1"),
        ("$x['text'] ${x['text']} $x.get('text')", "Hi Hi Hi"),
        ("$x.list[2] $x.list.get(2) $x.map.b $x['map']['b']", "x x c c"),
        ("$x.list", "[1, 2.5, x, null, true]"),
        ("$x.map", "{b=c}"),
        ("$x.absent $!x.absent|$absent.y ${absent}", "$x.absent |$absent.y ${absent}"),
        ("${x.absent|'else'}", "else"),
        ("$5 #1 \\$x a@b 100%", "$5 #1 $x a@b 100%"),
        ("#set($y = 'v')$y#set($y = \"w$y\")$y", "vwv"),
        ("#set($m = {'k': [1, 2]})$m.k[1]#set($m.n = 3)$m", "2{k=[1, 2], n=3}"),
        ("#if($x.a == 1)yes#{else}no#end", "yes"),
        ("#if($x.a == '1')yes#{else}no#end", "yes"),
        ("#if($x.absent)yes#elseif($x.text)elseif#{else}no#end", "elseif"),
        ("#if(!$x.absent && ($x.a > 0 || false))yes#end", "yes"),
        ("#if('')full#{else}empty#end", "empty"),
        ("#if(0)zero is true#end", "zero is true"),
        ("#foreach($i in $x.list)$foreach.index:$i#if($foreach.hasNext),#end#end",
         "0:1,1:2.5,2:x,3:$i,4:true"),
        ("#foreach($v in $x.map)$v#end#foreach($k in $x.map.keySet())$k#end", "cb"),
        ("#foreach($e in $x.map.entrySet())$e.key=$e.getValue()#end", "b=c"),
        ("#foreach($i in [3..1])$i#end#foreach($i in $absent)never#end", "321"),
        ("#set($i = 7 / 2)$i#set($i = -7 / 2)$i#set($i = -7 % 2)$i", "3-3-1"),
        ("#set($i = 1 + '1')$i#set($i = 1 / 0)$i", "1111"),
        ("#set($i = 9223372036854775807 + 1)$i", "-9223372036854775808"),
        ("#macro(twice $a)$a$a#end#twice('b')", "bb"),
        ("#define($d)[$x.a]#end$d", "[1]"),
        ("## comment\nafter#* block *#", "after"),
        ("before#stop after", "before"),
        ("$u.go()", "went"),
    ],
)  # fmt: skip
def test_template_writes_what_velocity_writes(template: str, output: str) -> None:
    assert render(template) == output


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        (("'Abc'", "length()"), "3"),
        (("'Abc'", "substring(1)"), "bc"),
        (("'Abc'", "substring(0, 1)"), "A"),
        (("'a,b,,'", "split(',')"), "[a, b]"),
        (("'a.b.c'", "replace('.', '-')"), "a-b-c"),
        (("'a1b22'", "replaceAll('\\d+', '#')"), "a#b#"),
        (("'ab'", "replaceAll('(a)(b)', '$2$1')"), "ba"),
        (("'a1b2'", "replaceFirst('\\d', '')"), "ab2"),
        (("'abc'", "matches('b')"), "false"),
        (("'abc'", "contains('b')"), "true"),
        (("'abc'", "indexOf('c')"), "2"),
        (("'  Ab '", "trim().toLowerCase()"), "ab"),
        (("'a'", "equals('a')"), "true"),
        (("'a'", "equalsIgnoreCase('A')"), "true"),
        (("'a'", "concat(1)"), "a1"),
        (("[1, 2]", "size()"), "2"),
        (("[1, 2]", "contains(2)"), "true"),
        (("[]", "isEmpty()"), "true"),
        (("{'a': 1}", "containsKey('a')"), "true"),
        (("{'a': 1}", "getOrDefault('b', 2)"), "2"),
        (("{'a': 1}", "put('a', 2)"), "1"),
        (("{'a': 1}", "values()"), "[1]"),
    ],
)
def test_method_is_that_of_java(expression: tuple[str, str], output: str) -> None:
    literal, call = expression  # Velocity calls no methods of literals

    assert render(f"#set($v = {literal})$v.{call}") == output


@pytest.mark.parametrize(
    "template",
    [
        "$x.__class__",
        "$x.text.__class__.__mro__[1].__subclasses__()",
        "$x.text.format($x)",
        "$x.text.__len__()",
        "$x.getClass().forName('java.lang.Runtime')",
        "$x['__class__']",
        "$x.list['__class__']",
        "$x.list.append(1)",
        "$x.items()",
        "$u.methods",
        "$u.go",
        "$u.__init__",
        "$u.go.__globals__",
        "$u.go().__class__",
        "${x.absent|$x.__class__}",
        "$x.get('a').__class__",
        "$x.list.get(1).real",
        "$__builtins__",
        "$self",
        "$x()",
    ],
)
def test_reference_to_anything_of_python_leads_nowhere(template: str) -> None:
    assert render(template) in {template, "${x.absent|$x.__class__}"}


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ('#set($y = "$x.__class__")$y', "$x.__class__"),
        ("#foreach($c in $x.__class__.__mro__)$c#end", ""),
        ("#if($x.__class__)reached#end", ""),
        ("#macro(m $a)$a.__class__#end#m($x)", "$a.__class__"),
        ("#define($d)$x.__class__#end$d", "$x.__class__"),
        ("#set($m = {'k': $x.__class__})$m", "{k=null}"),
        ("#set($l = [$x.__class__])$l", "[null]"),
        ("#set($y = $x.text.__class__)$y", "$y"),
        ("#set($y = 'a%s' % $x)$y", "$y"),
        ("#set($y = 'a' * 1000000000)$y", "$y"),
        ("$x.get($x.__class__)", "$x.get($x.__class__)"),
    ],
)
def test_construct_reaches_nothing_of_python(template: str, output: str) -> None:
    assert render(template) == output


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("#include('/etc/passwd')", "uses #include, which isn't supported: it reads files"),
        ("#parse('/etc/passwd')", "uses #parse, which isn't supported: it reads files"),
        (
            "#evaluate($x)",
            "uses #evaluate, which isn't supported: it runs a text as a template",
        ),
        ("#if($x)", f"{MISUNDERSTOOD} 8: expected #else, #elseif or #end in if directive, got: "),
        ('#set($y = "#include(1)")', "uses #include, which isn't supported: it reads files"),
        ("#foreach()", f"{MISUNDERSTOOD} 10: expected loop var name in foreach directive, got: )"),
        ("#foreach($i in )", f"{MISUNDERSTOOD} 1: {BLOCK}, got: #foreach($i in )"),
        ("x" * (MAX_TEMPLATE_BYTES + 1), f"is longer than {MAX_TEMPLATE_BYTES} bytes"),
    ],
)
def test_template_that_cannot_be_is_refused_when_compiled(template: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        Template(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("#foreach($i in $long)$i#end", "#foreach has more than 1000 iterations"),
        ("#foreach($i in [1..1001])$i#end", "a range has more than 1000 values"),
        ("#foreach($i in ['a'..2])$i#end", "isn't understood"),
        ("#set($t = 'aaaaaaaaaa')#foreach($i in [1..30])#set($t = \"$t$t\")#end",
         "the template writes more than 10485760 characters"),
        ("#set($t = 'aaaaaaaaaa')#foreach($i in [1..30])#set($t = $t + $t)#end",
         "the template makes a text of more than 10485760 characters"),
        ("$x.text.substring(9)", "substring can't take 1 such arguments: begin 9, end 2, length 2"),
        ("$x.text.replaceAll('(', '')", "replaceAll can't take 2 such arguments: "),
        (
            "#set($long = '" + "a" * 60 + "')$long.matches('((a|aa)+)+\\2c')",
            "matches can't take 1 such arguments: the regular expression",
        ),
        ("$x.list.get(9)", "get can't take 1 such arguments: list index out of range"),
        ("$x.text.length(1, 2)", "length can't take 2 such arguments: "),
        ("#set($x.text.y = 1)", "$x.text.y can't be set: it is part of no map"),
    ],
)  # fmt: skip
def test_template_that_fails_says_why(template: str, problem: str) -> None:
    with pytest.raises((VelocityError, ValueError)) as failed:
        render(template, long=[0] * (MAX_ITERATIONS + 1))

    assert str(failed.value).startswith(problem)


def test_every_element_that_is_parsed_is_a_member_of_the_family() -> None:
    everything = (
        "t $x.a[0].b(1)[$x] ${x|'a'} #if(!$x && (1.5 > 2))a#elseif(true)b#{else}c#end ## c\n"
        "#set($y.z = {'a': [1..2], 'b': ['c', \"$x.y $u.go()\", null]}) #foreach($i in $x)$i#end "
        "#macro(m $a)$a#end #m('b') #define($d)$x#end #stop #fff"
    )

    body = FAMILY.make(airspeed.TemplateBody, "", everything)

    found = list(_elements(body, set()))
    assert len({type(element).__name__ for element in found}) > 25
    assert [each for each in found if type(each) not in FAMILY.members] == []


def _elements(value: object, seen: set[int]) -> list[object]:
    if id(value) in seen:
        return []
    seen.add(id(value))
    found: list[object] = []
    if isinstance(value, airspeed._Element):
        found = [value]
        inner: list[object] = list(vars(value).values())
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, list):
        inner = list(value)
    elif inspect.ismethod(value):
        inner = [value.__self__]
    elif inspect.isfunction(value):
        inner = [cell.cell_contents for cell in value.__closure__ or ()]
    else:
        inner = []
    for each in inner:
        found += _elements(each, seen)
    return found


def test_render_leaves_the_variables_as_they_were() -> None:
    variables = {"y": "before"}

    assert Template("#set($y = 'after')$y").render(variables) == "after"
    assert variables == {"y": "before"}

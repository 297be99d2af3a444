"""ISF files: header, passes, includes, line numbers, errors."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RenderError
from engine.scenes import isf

HERE = Path(__file__).parent


def test_header_and_body() -> None:
    scene = isf.parse(
        """/*{
            "DESCRIPTION": "rings", "CATEGORIES": ["Generator"], "KEYWORDS": ["Ring", "echo"],
            "INPUTS": [
                {"NAME": "size", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 2.0},
                {"NAME": "at", "TYPE": "point2D", "DEFAULT": [0.5, 0.25]},
                {"NAME": "kind", "TYPE": "long", "VALUES": [0, 1, 4], "LABELS": ["a", "b", "c"]},
            ],
            "PASSES": [{"TARGET": "trail", "PERSISTENT": true, "FLOAT": true, "WIDTH": "$WIDTH/4"}, {}],
        }*/
void main() { gl_FragColor = vec4(size); }
""",
        "rings",
        HERE,
    )
    assert scene.keywords == ("ring", "echo")
    assert [item.type for item in scene.inputs] == ["float", "point2D", "long"]
    assert scene.inputs[2].values == (0, 1, 4)
    assert scene.passes[0].target == "trail" and scene.passes[0].floating
    assert "uniform vec2 at;" in scene.fragment(0)
    assert "uniform sampler2D trail;" in scene.fragment(0)
    assert "isf_FragColor = vec4(size)" in scene.fragment(0)


def test_a_scene_without_passes_has_one() -> None:
    assert len(isf.parse("/*{}*/ void main() {}", "x", HERE).passes) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("void main() {}", "header"),
        ("/*{ not json }*/ void main() {}", "header"),
        ('/*{"INPUTS": [{"NAME": "a", "TYPE": "hologram"}]}*/', "hologram"),
        ('/*{"INPUTS": [{"NAME": "a; }", "TYPE": "float"}]}*/', "GLSL"),
        ('/*{}*/\n#include "missing.glsl"\n', "missing.glsl"),
        ('/*{"INPUTS": [{"NAME": "' + "a" * 5000 + '", "TYPE": "' + "b" * 5000 + '"}]}*/', "unknown type"),
        ('/*{"INPUTS": [{"NAME": "' + "+" * 5000 + '", "TYPE": "float"}]}*/', "GLSL"),
        ('/*{}*/\n#include "' + "a" * 5000 + '"\n', "no such file"),
        ('/*{}*/\n#include "../test_clock.py"\n', "elsewhere"),
    ],
)
def test_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(RenderError, match=reason) as refused:
        isf.parse(text, "scene", HERE)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_include_is_resolved_beside_the_scene(tmp_path: Path) -> None:
    (tmp_path / "part.glsl").write_text("float part() { return 1.0; }\n")
    (tmp_path / "whole.fs").write_text('/*{}*/\n#include "part.glsl"\nvoid main() { gl_FragColor = vec4(part()); }\n')
    assert "float part()" in isf.load(tmp_path / "whole.fs").fragment(0)


@pytest.mark.parametrize(
    ("expression", "pixels"),
    [
        ("$WIDTH", 640),
        ("$WIDTH/4.0", 160),
        ("floor($HEIGHT * 0.3)", 108),
        ("max($WIDTH, $HEIGHT) - 40", 600),
        ("$share * $WIDTH", 320),
        (12, 12),
        ("0", 1),
    ],
)
def test_pass_sizes(expression: str | float, pixels: int) -> None:
    assert isf.pass_size(expression, 640, 360, {"share": 0.5}) == pixels


@pytest.mark.parametrize("expression", ["$HIGHT", "__import__('os')", "1 / 0", "$WIDTH +", "9 ** 9 ** 9", "1e999"])
def test_pass_sizes_are_arithmetic_only(expression: str) -> None:
    with pytest.raises(RenderError, match="pass size"):
        isf.pass_size(expression, 640, 360, {})


@pytest.mark.parametrize(
    "log",
    [
        "GLSL Compiler failed\n\nfragment_shader\n===============\n0:12(5): error: `x' undeclared\n",
        "ERROR: 0:12: 'x' : undeclared identifier",
        '0(12) : error C1008: undefined variable "x"',
    ],
)
def test_the_compilers_line_is_found_in_logs_of_three_vendors(log: str) -> None:
    assert isf.compiler_error(log).startswith("line 12: ")


@given(st.text(max_size=200))
def test_any_expression_is_a_size_or_refused(text: str) -> None:
    try:
        assert 1 <= isf.pass_size(text, 640, 360, {"share": 0.5}) <= 16384
    except RenderError as refused:
        assert "\n" not in str(refused)


fields = st.sampled_from(["NAME", "TYPE", "PATH", "TARGET", "WIDTH", "VALUES"])
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields, inner, max_size=4),
)


@given(values, st.sampled_from(["INPUTS", "PASSES", "IMPORTED", "KEYWORDS", "PERSISTENT_BUFFERS"]))
def test_any_header_is_a_scene_or_refused(value: object, key: str) -> None:
    try:
        isf.parse(f"/*{json.dumps({key: value})}*/ void main() {{}}", "scene", HERE)
    except RenderError as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "x" * 5000, "a\0b"])
def test_an_image_outside_the_folder_is_refused(path: str) -> None:
    with pytest.raises(RenderError, match="imports"):
        isf.parse(f'/*{{"IMPORTED": {{"a": {{"PATH": {json.dumps(path)}}}}}}}*/ void main() {{}}', "scene", HERE)

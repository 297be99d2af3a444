"""Scenes for each part of the ISF specification: rendered, or rejected with a reason."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import RenderError
from engine.generators.scenes import SceneGenerator
from engine.render.protocol import Job

TEAL = ("#008b8b", "#d8663c")

DRAWN = {
    "plain": "/*{}*/ void main() { gl_FragColor = vec4(isf_FragNormCoord, 0.5 + 0.5 * sin(TIME), 1.0); }",
    "version 2 keys": """/*{"ISFVSN": "2", "VSN": "1.0", "CREDIT": "by somebody", "DESCRIPTION": "a test",
        "CATEGORIES": ["X"],
        "INPUTS": [], "UNKNOWN": {"deep": [1, 2, {"er": null}]}}*/
        void main() { gl_FragColor = vec4(gl_FragCoord.xy / RENDERSIZE, 0.0, 1.0); }""",
    "trailing commas": """/*{"INPUTS": [{"NAME": "a", "TYPE": "float", "DEFAULT": 0.5,},],}*/
        void main() { gl_FragColor = vec4(a, isf_FragNormCoord.x, a, 1.0); }""",
    "float": """/*{"INPUTS": [
            {"NAME": "level", "TYPE": "float", "MIN": 0.2, "MAX": 0.9, "DEFAULT": 0.5, "LABEL": "L"}
        ]}*/
        void main() { gl_FragColor = vec4(level * isf_FragNormCoord.x); }""",
    "float without a range": """/*{"INPUTS": [{"NAME": "level", "TYPE": "float"}]}*/
        void main() { gl_FragColor = vec4(level + isf_FragNormCoord.x); }""",
    "bool and event": """/*{"INPUTS": [{"NAME": "on", "TYPE": "bool", "DEFAULT": true},
            {"NAME": "hit", "TYPE": "event"}]}*/
        void main() { gl_FragColor = (on && !hit) ? vec4(isf_FragNormCoord, 0.0, 1.0) : vec4(0.0); }""",
    "bool as a number": """/*{"INPUTS": [{"NAME": "on", "TYPE": "bool", "DEFAULT": 1.0}]}*/
        void main() { gl_FragColor = on ? vec4(isf_FragNormCoord, 0.0, 1.0) : vec4(0.0); }""",
    "long": """/*{"INPUTS": [
            {"NAME": "kind", "TYPE": "long", "VALUES": [1, 2, 3], "LABELS": ["a", "b", "c"], "DEFAULT": 2}
        ]}*/
        void main() { gl_FragColor = vec4(float(kind) / 3.0 * isf_FragNormCoord.y); }""",
    "point2D": """/*{"INPUTS": [
            {"NAME": "at", "TYPE": "point2D", "DEFAULT": [0.5, 0.5], "MIN": [0, 0], "MAX": [1, 1]}
        ]}*/
        void main() { gl_FragColor = vec4(1.0 - distance(isf_FragNormCoord, at)); }""",
    "color": """/*{"INPUTS": [{"NAME": "tint", "TYPE": "color", "DEFAULT": [1.0, 0.5, 0.0, 1.0]}]}*/
        void main() { gl_FragColor = tint * isf_FragNormCoord.x; }""",
    "image filter": """/*{"CATEGORIES": ["Filter"], "INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
        void main() { gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }""",
    "image macros": """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
        void main() {
            vec2 size = IMG_SIZE(inputImage);
            vec4 a = IMG_PIXEL(inputImage, floor(isf_FragNormCoord * size));
            vec4 b = IMG_NORM_PIXEL(inputImage, fract(isf_FragNormCoord + vec2(0.1, 0.0)));
            gl_FragColor = mix(a, b, 0.5) + 0.0 * IMG_THIS_NORM_PIXEL(inputImage);
        }""",
    "audio": """/*{"INPUTS": [{"NAME": "wave", "TYPE": "audio"}, {"NAME": "fft", "TYPE": "audioFFT", "MAX": 256}]}*/
        void main() {
            float bar = IMG_NORM_PIXEL(fft, vec2(isf_FragNormCoord.x, 0.5)).r;
            float line = IMG_NORM_PIXEL(wave, vec2(isf_FragNormCoord.x, 0.5)).r;
            gl_FragColor = vec4(step(isf_FragNormCoord.y, bar), line, 0.0, 1.0);
        }""",
    "persistent buffer": """/*{"PASSES": [{"TARGET": "trail", "PERSISTENT": true}, {}]}*/
        void main() {
            if (PASSINDEX == 0) {
                vec2 p = isf_FragNormCoord - vec2(0.5 + 0.3 * sin(9.0 * TIME), 0.5);
                gl_FragColor = max(IMG_THIS_PIXEL(trail) * 0.9, vec4(step(length(p), 0.1)));
            } else gl_FragColor = IMG_THIS_PIXEL(trail);
        }""",
    "float buffer of its own size": """/*{
            "INPUTS": [{"NAME": "part", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.4, "MAX": 0.6}],
            "PASSES": [{"TARGET": "low", "WIDTH": "floor($WIDTH * $part)", "HEIGHT": "$HEIGHT / 8.0", "FLOAT": true},
                {}]
        }*/
        void main() {
            if (PASSINDEX == 0) gl_FragColor = vec4(4.0 * isf_FragNormCoord.x);
            else gl_FragColor = IMG_NORM_PIXEL(low, isf_FragNormCoord) / 4.0;
        }""",
    "last pass into a buffer": """/*{"PASSES": [{"TARGET": "one"}, {"TARGET": "two"}]}*/
        void main() {
            if (PASSINDEX == 0) gl_FragColor = vec4(isf_FragNormCoord.x);
            else gl_FragColor = vec4(1.0) - IMG_THIS_PIXEL(one);
        }""",
    "version 1 buffers": """/*{"PERSISTENT_BUFFERS": ["old"], "PASSES": [{"TARGET": "old"}, {}]}*/
        void main() {
            if (PASSINDEX == 0) gl_FragColor = IMG_THIS_PIXEL(old) + vec4(0.06 * isf_FragNormCoord.x);
            else gl_FragColor = IMG_THIS_PIXEL(old);
        }""",
    "version 1 buffers with sizes": """/*{
            "PERSISTENT_BUFFERS": {"old": {"WIDTH": 8}}, "PASSES": [{"TARGET": "old"}, {}]
        }*/
        void main() {
            if (PASSINDEX == 0) gl_FragColor = IMG_THIS_PIXEL(old) + vec4(0.06 * vv_FragNormCoord.x);
            else gl_FragColor = IMG_THIS_NORM_PIXEL(old);
        }""",
    "date and frame index": """/*{}*/
        void main() {
            float t = DATE.w + float(FRAMEINDEX) + TIMEDELTA;
            gl_FragColor = vec4(fract(t + isf_FragNormCoord.x), DATE.x / 4000.0, 0.0, 1.0);
        }""",
    "functions, arrays and old texture2D": """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
        #ifdef GL_ES
        precision highp float;
        #endif
        const int N = 3;
        float weights[3] = float[](0.2, 0.5, 0.3);
        float total(in vec2 p) { float s = 0.0; for (int i = 0; i < N; ++i) s += weights[i] * p.x; return s; }
        void main() { gl_FragColor = total(isf_FragNormCoord) + texture2D(inputImage, isf_FragNormCoord) * 0.1; }""",
    "imported picture": """/*{"IMPORTED": {"stone": {"PATH": "stone.png"}}}*/
        void main() { gl_FragColor = IMG_THIS_PIXEL(stone); }""",
    "windows line ends": "/*{\r\n}*/\r\nvoid main()\r\n{\r\n  gl_FragColor = vec4(isf_FragNormCoord.x);\r\n}\r\n",
}

REFUSED = {
    "no header": ("void main() { gl_FragColor = vec4(1.0); }", "header"),
    "header cut off": ('/*{"INPUTS": [ */ void main() {}', "header"),
    "unknown type": ('/*{"INPUTS": [{"NAME": "a", "TYPE": "cube"}]}*/ void main() {}', "cube"),
    "undeclared": ("/*{}*/\n\nvoid main() {\n    gl_FragColor = vec4(nothing);\n}", "line 4"),
    "no main": ("/*{}*/ float f() { return 1.0; }", "main"),
    "import missing": ('/*{"IMPORTED": {"a": {"PATH": "no.png"}}}*/ void main() {}', "no.png"),
    "import no image": ('/*{"IMPORTED": {"a": {"PATH": "x.fs"}}}*/ void main() {}', "image"),
}


def draw(folder: Path) -> NDArray[np.uint8]:
    generator = SceneGenerator(folder)
    job = Job("shader", "", "", ("x",), TEAL, 3, 96, 54, 12.0, 0.5)
    frames = np.stack(list(generator.render(job, lambda: False, lambda share: None)))
    generator.close()
    return frames


@pytest.mark.parametrize("name", DRAWN)
def test_it_draws(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.fs").write_text(DRAWN[name], newline="")
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(32, axis=0)
    cv2.imwrite(str(tmp_path / "stone.png"), ramp)
    frames = draw(tmp_path)
    assert frames.shape == (6, 54, 96, 3)
    assert frames[-1].std() > 3


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_scene_is_rejected_with_a_reason_in_one_line(tmp_path: Path, name: str) -> None:
    source, reason = REFUSED[name]
    (tmp_path / "x.fs").write_text(source)
    with pytest.raises(RenderError, match=reason) as refused:
        SceneGenerator(tmp_path)
    assert str(refused.value).startswith("x") and "\n" not in str(refused.value)


def test_an_imported_image_is_upright(tmp_path: Path) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16] = (0, 0, 255)  # OpenCV writes BGR: the upper half is red
    cv2.imwrite(str(tmp_path / "stone.png"), picture)
    (tmp_path / "x.fs").write_text(DRAWN["imported picture"])
    frame = draw(tmp_path)[0]
    assert frame[5, 40].tolist() == [255, 0, 0]
    assert frame[-5, 40].tolist() == [0, 0, 0]


def test_a_scenes_own_vertex_shader_passes_its_varyings(tmp_path: Path) -> None:
    (tmp_path / "x.fs").write_text("/*{}*/ varying vec2 left; void main() { gl_FragColor = vec4(left, 0.0, 1.0); }")
    (tmp_path / "x.vs").write_text(
        "varying vec2 left;\nvoid main() { isf_vertShaderInit(); left = isf_FragNormCoord - vec2(0.25, 0.0); }"
    )
    frame = draw(tmp_path)[0].astype(int)
    assert frame[27, 24, 0] < 4 and abs(frame[27, 72, 0] - 128) < 4


def test_a_scene_without_keywords_takes_them_from_its_description(tmp_path: Path) -> None:
    header = '{"CATEGORIES": ["Generator", "Glitch"], "DESCRIPTION": "Falling snow with a moon"}'
    (tmp_path / "Winter-Night.fs").write_text(f"/*{header}*/ void main() {{ gl_FragColor = vec4(1.0); }}")
    generator = SceneGenerator(tmp_path)
    assert set(generator.library.scenes[0].keywords) == {"winter", "night", "glitch", "falling", "snow", "moon"}

"""Parser of ISF files: reads the JSON header and translates the shaders to GLSL 3.30.

ISF (Interactive Shader Format, version 2, https://docs.isf.video) is one file: a JSON comment that names inputs and
passes, and GLSL below it. AIMV adds three things, which other hosts ignore: KEYWORDS, the words that the scene shows;
SOFT, that it has no fine detail and may be drawn below full size; and `#include "file.glsl"`, from the scene's folder.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from operator import add, mod, mul, sub, truediv
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import RenderError

_HEADER = re.compile(r"\s*/\*\s*(\{.*?\})\s*\*/", re.DOTALL)
_INCLUDE = re.compile(r'^[ \t]*#include[ \t]+"([^"\n]+)"[ \t]*$', re.MULTILINE)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")

UNIFORMS = {  # ISF type of an input: GLSL type of its uniform
    "float": "float", "bool": "bool", "event": "bool", "long": "int", "point2D": "vec2", "color": "vec4",
    "image": "sampler2D", "audio": "sampler2D", "audioFFT": "sampler2D",
}  # fmt: skip

_COMMON = """#version 330
uniform vec2 RENDERSIZE;
uniform float TIME;
uniform float TIMEDELTA;
uniform vec4 DATE;
uniform int FRAMEINDEX;
#define vv_FragNormCoord isf_FragNormCoord
#define vv_vertShaderInit isf_vertShaderInit
#define texture2D texture
#define IMG_SIZE(image) vec2(textureSize(image, 0))
#define IMG_PIXEL(image, at) texture(image, (at) / vec2(textureSize(image, 0)))
#define IMG_NORM_PIXEL(image, at) texture(image, at)
#define IMG_THIS_PIXEL(image) texture(image, isf_FragNormCoord)
#define IMG_THIS_NORM_PIXEL(image) texture(image, isf_FragNormCoord)
"""
_FRAGMENT = "#define varying in\nin vec2 isf_FragNormCoord;\nout vec4 isf_FragColor;\n"
_VERTEX = """#define varying out
in vec2 corner;
out vec2 isf_FragNormCoord;
void isf_vertShaderInit() {
    isf_FragNormCoord = corner * 0.5 + 0.5;
    gl_Position = vec4(corner, 0.0, 1.0);
}
"""
_STOP_WORDS = re.compile("that|this|with|from|into|over|under|generator|effect|filter|shader")


class Input(msgspec.Struct, frozen=True):
    """One named input of a scene; DEFAULT, MIN and MAX are numbers or lists of numbers, by type."""

    name: str = msgspec.field(name="NAME")
    type: str = msgspec.field(name="TYPE")
    default: Any = msgspec.field(name="DEFAULT", default=None)
    min: Any = msgspec.field(name="MIN", default=None)
    max: Any = msgspec.field(name="MAX", default=None)
    values: tuple[int, ...] = msgspec.field(name="VALUES", default=())


class Pass(msgspec.Struct, frozen=True):
    """One drawing pass: into the buffer `target`, which persists, or, without one, into the frame."""

    target: str = msgspec.field(name="TARGET", default="")
    floating: bool = msgspec.field(name="FLOAT", default=False)
    width: str | float = msgspec.field(name="WIDTH", default="$WIDTH")
    height: str | float = msgspec.field(name="HEIGHT", default="$HEIGHT")


class Imported(msgspec.Struct, frozen=True):
    """An image file in the scene's folder."""

    path: str = msgspec.field(name="PATH")


class _Header(msgspec.Struct, frozen=True):
    description: str = msgspec.field(name="DESCRIPTION", default="")
    categories: tuple[str, ...] = msgspec.field(name="CATEGORIES", default=())
    keywords: tuple[str, ...] = msgspec.field(name="KEYWORDS", default=())
    soft: bool = msgspec.field(name="SOFT", default=False)
    inputs: tuple[Input, ...] = msgspec.field(name="INPUTS", default=())
    passes: tuple[Pass, ...] = msgspec.field(name="PASSES", default=())
    imported: dict[str, Imported] = msgspec.field(name="IMPORTED", default_factory=dict)


class Scene(msgspec.Struct, frozen=True):
    """A parsed scene: its header, and its shaders as GLSL 3.30."""

    name: str
    keywords: tuple[str, ...]
    soft: bool  # whether it may be drawn below full size
    inputs: tuple[Input, ...]
    passes: tuple[Pass, ...]  # at least one; the last one gives the frame
    images: dict[str, Path]  # files, by the name of their sampler
    vertex_body: str
    fragment_body: str

    def vertex(self, number: int) -> str:
        """The vertex shader of pass `number`."""
        return f"{_COMMON}{_pass_index(number)}{self.vertex_body}"

    def fragment(self, number: int) -> str:
        """The fragment shader of pass `number`; the compiler removes the code of the other passes."""
        return f"{_COMMON}{_pass_index(number)}{self.fragment_body}"


def _pass_index(number: int) -> str:
    return f"const int PASSINDEX = {number};\n"


def load(path: Path) -> Scene:
    """Read the scene in `path`.

    Raises:
        RenderError: the file cannot be read or is not ISF; the message names the file and what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RenderError(f"{path.name}: cannot be read: {error}") from None
    beside = path.with_suffix(".vs")
    vertex = _read_beside(beside, path.stem) if beside.is_file() else ""
    return parse(text, path.stem, path.parent, vertex)


def _read_beside(path: Path, name: str) -> str:
    """The text of a file in the folder of the scene `name`."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RenderError(f"{name}: {path.name} cannot be read: {error.strerror}") from None


def _resolve(folder: Path, path: str, what: str) -> Path:
    """The file at `path` in the scene's folder.

    Raises:
        RenderError: it lies outside the folder or does not exist; the message starts with `what`.
    """
    file = folder / path
    try:
        inside, exists = file.resolve().is_relative_to(folder.resolve()), file.is_file()
    except (OSError, ValueError):  # too long a name, or one with a zero byte
        inside, exists = True, False
    if not inside:
        raise RenderError(f"{what} {file.name[:80]!r} from elsewhere: it may only use files of its own folder")
    if not exists:
        raise RenderError(f"{what} {file.name[:80]!r}: no such file beside the scene")
    return file


def parse(text: str, name: str, folder: Path, vertex: str = "") -> Scene:
    """Parse the text of an ISF file; its includes and images are looked up in `folder`.

    `vertex` is the text of its own vertex shader, if it has one.

    Raises:
        RenderError: no JSON header, a header that breaks the format, or an include that is missing.
    """
    found = _HEADER.match(text)
    if not found:
        raise RenderError(f"{name}: no ISF header: the file must begin with a JSON comment, /*{{ ... }}*/")
    try:
        header = msgspec.json.decode(_TRAILING_COMMA.sub("", found[1]), type=_Header)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RenderError(f"{name}: ISF header: {error}") from None
    for item in header.inputs:
        if item.type not in UNIFORMS:
            raise RenderError(f"{name}: input {item.name[:80]!r} has the unknown type {item.type[:80]!r}")
    targets = [step.target for step in header.passes if step.target]
    for each in (*(item.name for item in header.inputs), *targets, *header.imported):
        if not _NAME.match(each):
            raise RenderError(f"{name}: {each[:80]!r} is not a name that GLSL allows")
    images = {each: _resolve(folder, image.path, f"{name}: imports") for each, image in header.imported.items()}
    body = text[found.end() :]
    first_line = text[: found.end()].count("\n") + 1
    return Scene(
        name=name,
        keywords=tuple(word.lower() for word in header.keywords) or _derived_keywords(name, header),
        soft=header.soft,
        inputs=header.inputs,
        passes=header.passes or (Pass(),),
        images=images,
        vertex_body=_vertex(header, vertex),
        fragment_body=_fragment(header, body, first_line, name, folder),
    )


def _derived_keywords(name: str, header: _Header) -> tuple[str, ...]:
    """Keywords for a scene without any: the words of its name, its categories and its description."""
    text = " ".join((name, *header.categories, header.description)).lower()
    return tuple(dict.fromkeys(word for word in re.findall(r"[a-z]{4,}", text) if not _STOP_WORDS.fullmatch(word)))


def _uniforms(header: _Header) -> str:
    samplers = dict.fromkeys([*(step.target for step in header.passes if step.target), *header.imported])
    return "".join(
        [f"uniform {UNIFORMS[item.type]} {item.name};\n" for item in header.inputs]
        + [f"uniform sampler2D {name};\n" for name in samplers]
    )


def _vertex(header: _Header, body: str) -> str:
    """The vertex shader; a scene's own calls isf_vertShaderInit() and may declare varyings."""
    if not body:
        return _VERTEX + "void main() { isf_vertShaderInit(); }\n"
    return _VERTEX + _uniforms(header) + "#line 1 0\n" + body


def _fragment(header: _Header, body: str, first_line: int, name: str, folder: Path) -> str:
    """Preamble, uniforms and body; `#line` keeps the compiler's line numbers those of the file."""

    def include(found: re.Match[str]) -> str:
        path = _resolve(folder, found[1], f"{name}: #include")
        after = first_line + body[: found.end()].count("\n") + 1
        return f"#line 1 1\n{_read_beside(path, name)}\n#line {after} 0"

    source = _INCLUDE.sub(include, body)
    source = re.sub(r"\bgl_FragColor\b", "isf_FragColor", source)
    return f"{_FRAGMENT}{_uniforms(header)}#line {first_line} 0\n{source}"


def pass_size(expression: str | float, width: int, height: int, values: Mapping[str, float]) -> int:
    """A pass's WIDTH or HEIGHT in pixels, from an expression such as "floor($WIDTH / 2.0)".

    `values` are the float inputs, which the expression may name as $name.

    Raises:
        RenderError: the expression is not arithmetic or its result is not a size.
    """
    names = {**values, "WIDTH": float(width), "HEIGHT": float(height)}
    try:
        tree = ast.parse(re.sub(r"\$(\w+)", r"\1", str(expression)), mode="eval")
        return max(1, min(16384, int(_evaluate(tree.body, names))))
    except (SyntaxError, ValueError, TypeError, ArithmeticError, KeyError, RecursionError, MemoryError):
        raise RenderError(f"{str(expression)[:80]!r} is not a pass size") from None


_Operators = dict[type[ast.operator], Callable[[float, float], float]]
_OPERATORS: _Operators = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Mod: mod}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "floor": math.floor, "ceil": math.ceil, "round": round, "min": min, "max": max, "sqrt": math.sqrt
}  # fmt: skip


def _evaluate(node: ast.expr, names: Mapping[str, float]) -> float:
    """Evaluate arithmetic on numbers and names, nothing else."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, names)
        case ast.BinOp(left=left, op=sign, right=right):
            return float(_OPERATORS[type(sign)](_evaluate(left, names), _evaluate(right, names)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return float(_FUNCTIONS[name](*(_evaluate(each, names) for each in args)))
    raise ValueError(ast.dump(node))


def compiler_error(log: str) -> str:
    """The first error of a GLSL compiler's log as one line: "line 12: 'x' undeclared"."""
    found = re.search(r"(?:^|\n)(?:ERROR:\s*)?0[:(](\d+)(?:\(\d+\))?\)?\s*:\s*(?:error\s*(?:C\d+)?:)?\s*(.+)", log)
    if found:
        return f"line {found[1]}: {found[2].strip()}"
    lines = [line.strip() for line in log.splitlines() if "error" in line.lower()]
    return lines[-1] if lines else "does not compile"

"""Commands of option groups: errors get the advice of the option that the command has."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aimv.cli.commands import OPTIONS, with_options
from aimv.options import LiveInput, Outputs, Pool, VideoFile
from engine.errors import OutputError, UsageError
from tests.conftest import ROOT, Ran, tone

Aimv = Callable[..., Ran]


def notes_of(raised: Exception, *group: type) -> list[str]:
    """The notes of an error that a command with these options raises."""

    def failing(**groups: object) -> None:
        raise raised

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(f"group{index}", kind, annotation=each) for index, each in enumerate(group)]
    failing.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command = with_options(failing)
    with pytest.raises(type(raised)) as caught:
        command(**{option.name: option.default for option in command.options})  # type: ignore[attr-defined]
    return list(getattr(caught.value, "__notes__", ()))


def test_an_error_gets_the_advice_of_its_option() -> None:
    assert notes_of(OutputError("no room", option="out"), VideoFile) == ["see -o"]
    assert notes_of(UsageError("no keys", option="keys"), Pool, VideoFile) == ["`aimv keys` makes them; see --keys"]


def test_an_option_that_the_command_has_not_is_not_named() -> None:
    assert notes_of(OutputError("no room", option="out"), Outputs) == []
    assert notes_of(OutputError("no room"), VideoFile) == []


def test_options_reach_the_function_as_groups() -> None:
    got: list[object] = []

    def show(file: Path, input: LiveInput, outputs: Outputs) -> None:
        """Show."""
        got.extend([file, input, outputs])

    app = typer.Typer()
    app.command()(with_options(show))
    ran = CliRunner().invoke(app, ["a.wav", "--no-words", "--duration", "3", "--stream", "udp://a:1", "--stream", "b"])
    assert ran.exit_code == 0, ran.output
    assert got == [Path("a.wav"), LiveInput(words=False, duration=3.0), Outputs(stream=("udp://a:1", "b"))]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("listen", "--plot", "/no/such/x.png"), "choose another (see --plot)"),
        (("listen", "--whisper", "nosuch"), "(`aimv models` lists them; see --whisper)"),
        (("score", "-o", "/no/such/x.score.jsonl"), "choose another (see -o)"),
        (("export", "-o", "/no/such/x.mp4"), "choose another (see -o)"),
        (("export", "--size", "63x64"), "(see --size)"),
        (("export", "--workers", "99"), "(see --workers)"),
        (("export", "--worker", "gpu"), "see --worker)"),
        (("export", "--preset", "fastest"), "(see --preset)"),
        (("export", "--start", "99"), "(see --start)"),
    ],
)
def test_on_the_command_line_it_is_in_brackets(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, arguments: tuple[str, ...], advice: str
) -> None:
    command, *options = arguments
    ran = aimv(command, wav(tone(1)), *options)
    assert ran.status in (1, 2)
    assert advice in ran.err.splitlines()[-1]


def texts_of(path: Path) -> list[str]:
    """The strings in a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    docstrings = {id(node.value) for node in statements}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_no_text_below_the_command_line_names_a_flag_or_a_command() -> None:
    flags = {option.flag for options in OPTIONS.values() for option in options}
    in_words = re.compile(
        "|".join(rf"(?<![\w-]){re.escape(flag)}(?![\w-])" for flag in flags) + "|`aimv |pip install.*aimv"
    )
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for room in ("engine", "aimv/app", "aimv/language")
        for path in (ROOT / room).rglob("*.py")
        for text in texts_of(path)
        if in_words.search(text) and text not in flags  # those of the render process are its own
    ]
    assert found == []


def test_every_option_that_an_error_names_is_defined() -> None:
    defined = {option.name for options in OPTIONS.values() for option in options} | {"log"}
    text = "".join(path.read_text("utf-8") for room in ("engine", "aimv") for path in (ROOT / room).rglob("*.py"))
    named = set(re.findall(r'option="(\w+)"', text))
    assert "out" in named
    assert named - defined == {"rate"}, "an argument in Python only"

"""Options on the command line and in the config: defaults, errors with the advice of the option, nearest right keys."""

import ast
import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aimv.cli.options import OPTIONS, with_options
from aimv.config import read_config, write_midi_control
from aimv.fields import options_of
from aimv.options import LiveInput, Outputs, Pool, Settings, ShowSettings, VideoFile
from engine.errors import OutputError, UsageError
from tests.conftest import ROOT, Ran, tone

Aimv = Callable[..., Ran]
SHOWN = {"live": options_of(ShowSettings), "play": options_of(ShowSettings), "export": options_of(Settings)}


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


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write the config that the commands read."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("AIMV_CONFIG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_value_is_shown_with_its_source(config: Callable[[str], Path], aimv: Aimv) -> None:
    path = config(
        'style = "ink on paper"\nfps = 25\n[live]\nfps = 50\nmqtt-password = "secret"\nstream = ["tcp://a:1"]\n'
    )
    shown = aimv("config")
    assert shown.status == 0, shown.err
    rows = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in shown.out.splitlines() if line.split()}
    assert rows["live", "fps"] == f"50 {path} [live]"
    assert rows["play", "fps"] == f"25 {path}"
    assert rows["export", "style"] == f"ink on paper {path}"
    assert rows["live", "seed"] == "0 default"
    assert rows["live", "stream"] == f"tcp://a:1 {path} [live]"
    assert "secret" not in shown.out
    assert rows["live", "mqtt_password"].startswith("(set)")
    assert "export" not in aimv("config", "live").out


def test_the_environment_rules_over_the_file(
    config: Callable[[str], Path], aimv: Aimv, monkeypatch: pytest.MonkeyPatch
) -> None:
    config('[live]\nmqtt_password = "x"\n')
    monkeypatch.setenv("AIMV_MQTT_PASSWORD", "y")
    assert "AIMV_MQTT_PASSWORD" in aimv("config", "live").out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('stile = "x"', "there is no setting 'stile': did you mean 'style'?"),
        ("[live]\nfsp = 3", "there is no setting 'fsp' in [live]: did you mean 'fps'?"),
        ("[liev]\nfps = 3", "there is no command 'liev': did you mean 'live'?"),
        ("[play]\nsede = 3\n", "in [play]: did you mean 'seed'?"),
        ('fps = "fast"', "fps: 'fast' is not possible: fps is a number"),
        ("[export]\nfps = 500", "[export] fps: 500 frames a second is not possible"),
        ("seed = 1.5", "seed: 1.5 is not possible: seed is a whole number"),
        ("style = 3", "style: 3 is not possible: style is a text"),
        ("stream = 'tcp://a:1'", "stream: 'tcp://a:1' is not possible: stream is a list of texts"),
        ("[live]\nlettering = 1", "[live] lettering: 1 is not possible: lettering is true or false"),
        ("language = 'cz'", "language: there is no language 'cz'"),
        ("size = [640, 360]", "size: [640, 360] is not possible: size is a text"),
        ("fps = ", "is not TOML"),
        ("[midi]\n'ch1 cc7' = 3", "[midi]"),
    ],
)
def test_errors_name_the_wrong_value(config: Callable[[str], Path], aimv: Aimv, text: str, why: str) -> None:
    path = config(text)
    ran = aimv("config")
    assert ran.status == 2
    assert ran.err.startswith(f"aimv: the config {path}")
    assert why in ran.err
    assert len(ran.err.splitlines()) == 1


def test_its_values_are_the_commands_defaults_and_options_rule(
    config: Callable[[str], Path], aimv: Aimv, wav: Callable[..., Path], tmp_path: Path
) -> None:
    config("[export]\nduration = 99\nstart = 50\n")
    song = wav(tone(1.0))
    assert "nothing at 50 s" in aimv("export", song, "-o", tmp_path / "a.mp4", "--size", "64x64").err
    ran = aimv("export", song, "-o", tmp_path / "a.mp4", "--size", "64x64", "--start", "0", "--duration", "0.5")
    assert ran.status == 0, ran.err


def test_defaults_without_a_file(tmp_path: Path) -> None:
    read = read_config(tmp_path / "none.toml", SHOWN)
    assert read.defaults() == {"live": {}, "play": {}, "export": {}}


def test_a_learnt_control_keeps_the_rest_of_the_config(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    write_midi_control(path, "ch1 cc7", "react")
    path.write_text(
        '# mine\nfps = 25 # smooth\n\n[live]\nstyle = "ink"\n\n[midi]\n"ch1 cc7" = "react"\n', encoding="utf-8"
    )
    write_midi_control(path, "ch1 cc8", "react")
    write_midi_control(path, "ch10 note36", "next")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# mine\nfps = 25 # smooth\n")
    assert tomllib.loads(text)["midi"] == {"ch1 cc8": "react", "ch10 note36": "next"}
    assert read_config(path, SHOWN).midi == {"ch1 cc8": "react", "ch10 note36": "next"}
    path.write_text("[midi", encoding="utf-8")
    with pytest.raises(UsageError, match="TOML"):
        write_midi_control(path, "ch1 cc8", "react")

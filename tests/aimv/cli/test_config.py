"""The config: its keys are the commands' options, what is wrong is named with the nearest right one."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from aimv.config import read_config, write_midi_control
from aimv.fields import options_of
from aimv.options import Settings, ShowSettings
from engine.errors import UsageError
from tests.conftest import Ran, tone

OPTIONS = {"live": options_of(ShowSettings), "play": options_of(ShowSettings), "export": options_of(Settings)}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write the config that the commands read."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("AIMV_CONFIG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_it_shows_every_value_and_where_it_comes_from(config: Callable[[str], Path], aimv: Callable[..., Ran]) -> None:
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
    config: Callable[[str], Path], aimv: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
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
def test_what_is_wrong_is_named(config: Callable[[str], Path], aimv: Callable[..., Ran], text: str, why: str) -> None:
    path = config(text)
    ran = aimv("config")
    assert ran.status == 2
    assert ran.err.startswith(f"aimv: the config {path}")
    assert why in ran.err
    assert len(ran.err.splitlines()) == 1


def test_its_values_are_the_commands_defaults_and_options_rule(
    config: Callable[[str], Path], aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path
) -> None:
    config("[export]\nduration = 99\nstart = 50\n")
    song = wav(tone(1.0))
    assert "nothing at 50 s" in aimv("export", song, "-o", tmp_path / "a.mp4", "--size", "64x64").err
    ran = aimv("export", song, "-o", tmp_path / "a.mp4", "--size", "64x64", "--start", "0", "--duration", "0.5")
    assert ran.status == 0, ran.err


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    read = read_config(tmp_path / "none.toml", OPTIONS)
    assert read.defaults() == {"live": {}, "play": {}, "export": {}}


def test_a_learnt_control_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
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
    assert read_config(path, OPTIONS).midi == {"ch1 cc8": "react", "ch10 note36": "next"}
    path.write_text("[midi", encoding="utf-8")
    with pytest.raises(UsageError, match="TOML"):
        write_midi_control(path, "ch1 cc8", "react")

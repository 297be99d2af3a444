"""The log is structured and holds no secrets; a crash report holds no user data."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimv.app.logs import log, log_event, log_to_file, redact_secrets, write_crash_report
from engine.errors import OutputError, UsageError
from tests.conftest import Ran, tone


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers.clear()
    log.setLevel(logging.WARNING)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_event_is_a_json_line_with_its_fields(tmp_path: Path) -> None:
    log_event("not logged")
    log_to_file(tmp_path / "log.jsonl")
    log_event("worker", state="lost", pid=7, share=0.5, detail="was ended by SIGKILL")
    start, event = lines(tmp_path / "log.jsonl")
    assert start["event"] == "start" and start["version"]
    assert {"state": "lost", "pid": 7, "share": 0.5}.items() <= event.items()
    assert str(event["time"]).endswith("Z")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mqtts://vj:hunter2@stage.local:8883/aimv", "hunter2"),
        ("rtmp://live:hunter2@tv.example/app", "hunter2"),
        ("--mqtt-password hunter2", "hunter2"),
        ("AIMV_MQTT_PASSWORD='hunter2 and more'", "hunter2"),
        ("token=hunter2", "hunter2"),
    ],
)
def test_secrets_are_never_logged(tmp_path: Path, text: str, secret: str) -> None:
    assert secret not in redact_secrets(text)
    log_to_file(tmp_path / "log.jsonl")
    log_event(text, detail=text, mqtt_password=secret)
    assert secret not in (tmp_path / "log.jsonl").read_text("utf-8")


def test_an_unwritable_log_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        log_to_file(tmp_path)
    with pytest.raises(OutputError, match="/proc"):
        log_to_file(Path("/proc/log.jsonl"))


def test_the_command_logs_its_beginning_and_its_end(aimv: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert aimv("--log", path, "sentence", "loud", "heart", "crash", "splash", "synth", "crimson").status == 0
    assert [line["event"] for line in lines(path)] == ["start", "command", "end"]
    assert aimv("--log", path, "listen", tmp_path / "no.wav").status == 2
    assert lines(path)[-1]["status"] == 2


def test_a_bug_is_one_line_and_a_report_without_user_data(
    aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, secret_song = "mqtt://vj:" + "hunter" + "2@stage", wav(tone(1), "my secret love song.wav")

    def broken(path: Path) -> None:
        try:
            [].pop()
        except IndexError:
            raise KeyError(f"{secret} {path}") from None

    monkeypatch.setattr("aimv.app.listen.load_song", broken)
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "cache"))
    ran = aimv("listen", secret_song, "--language", "en")
    assert ran.status == 70
    assert len(ran.err.splitlines()) == 1
    (written,) = (tmp_path / "cache" / "crashes").iterdir()
    assert str(written) in ran.err
    text = written.read_text("utf-8")
    assert "KeyError" in text and "in listen" not in text
    assert text.index("KeyError") < text.index("caused by") < text.index("IndexError: pop from empty list")
    assert "listen.py" in text and "numpy 2" in text and "command: listen ... --language ..." in text
    for own in ("hunter2", "love song", str(tmp_path), os.environ.get("HOME", "/root") + "/"):
        assert own not in text


def test_an_interrupt_inside_a_library_call_is_an_interrupt(
    aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallows(path: Path) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            raise TypeError("incompatible arguments") from None

    monkeypatch.setattr("aimv.app.listen.load_song", swallows)
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "cache"))
    ran = aimv("listen", wav(tone(1)))
    assert ran.status == 143
    assert ran.err.startswith("aimv: stopped")
    assert not (tmp_path / "cache" / "crashes").exists()


def test_the_line_is_printed_even_if_no_report_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "file"))
    assert write_crash_report(ValueError("x")) is None


def test_library_logs_are_not_printed() -> None:
    code = "import logging, aimv.cli.main; logging.warning('a'); logging.getLogger('some.library').error('b')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stderr == b""

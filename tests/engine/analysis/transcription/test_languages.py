"""The table of languages: valid codes, and suggestions for invalid ones."""

import subprocess
import sys

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES as WHISPER_CODES  # faster-whisper lists them nowhere else

from engine.analysis.transcription.languages import languages, parse_language, unpicturable_words
from engine.errors import UsageError


def test_the_table_has_every_language_of_whisper() -> None:
    assert set(languages()) == set(WHISPER_CODES)


@pytest.mark.parametrize(("text", "code"), [("cs", "cs"), (" ES ", "es"), ("haw", "haw"), ("auto", None)])
def test_a_code_is_parsed(text: str, code: str | None) -> None:
    assert parse_language(text) == code


@pytest.mark.parametrize(
    ("text", "meant"),
    [("cz", "cs"), ("jp", "ja"), ("ger", "de"), ("german", "de"), ("spanich", "es"), ("pt-BR", "pt"), ("ua", "uk")],
)
def test_a_wrong_code_is_refused_with_the_right_one(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"no language '{text}': did you mean {meant} \(") as refused:
        parse_language(text)
    assert refused.value.option == "language"


@pytest.mark.parametrize("text", ["klingon", "", "123", "x" * 500])
def test_an_unknown_language_is_rejected_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="give a code such as en") as refused:
        parse_language(text)
    assert len(str(refused.value)) < 150


def test_function_words_of_each_language_and_vocables_are_not_for_pictures() -> None:
    assert {"the", "das", "porque", "c'est", "la", "yeah"} <= unpicturable_words()
    assert not {"heart", "herz", "corazón"} & unpicturable_words()


def test_the_table_is_read_without_loading_whisper() -> None:
    program = (
        "import sys; from engine.analysis.transcription.languages import parse_language; parse_language('cs');"
        "print([name for name in ('faster_whisper', 'ctranslate2', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

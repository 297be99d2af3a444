"""The table of languages that Whisper transcribes: codes, names and what each language needs of the rest."""

import difflib
import functools
import tomllib
from importlib import resources

import msgspec

from engine.errors import UsageError

ENGLISH = "en"
AUTO = "auto"  # detect the language


class Language(msgspec.Struct, frozen=True):
    """One language; engine/data/languages.toml explains the fields and is where one is added or changed."""

    name: str
    also: tuple[str, ...] = ()
    spaced: bool = True
    function_words: str = ""
    vocables: str = ""
    credits: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()


@functools.cache
def languages() -> dict[str, Language]:
    """Every language by its code in Whisper (ISO 639-1 where there is one)."""
    table = tomllib.loads(resources.files("engine").joinpath("data", "languages.toml").read_text("utf-8"))
    return msgspec.convert(table, dict[str, Language])


def parse_language(text: str) -> str | None:
    """The code of a language given by its code in any case, None for "auto".

    Raises:
        UsageError: it is no code of Whisper's; the message names the nearest.
    """
    code = text.strip().lower()
    if code == AUTO:
        return None
    if code in languages():
        return code
    near = nearest_code(code)
    hint = f"did you mean {near} ({languages()[near].name})?" if near else "give a code such as en, es, fr, de, or auto"
    raise UsageError(f"there is no language {text[:40]!r}: {hint}", option="language")


def nearest_code(text: str) -> str | None:
    """The code most likely meant by `text`: a country, an ISO 639-2 code, a name or a misspelt one; None if none is."""
    wanted = text.strip().lower()
    known = {other: code for code, language in languages().items() for other in (language.name.lower(), *language.also)}
    if near := difflib.get_close_matches(wanted, known, n=1, cutoff=0.75):
        return known[near[0]]
    region = wanted.replace("_", "-").partition("-")[0]  # "de-AT", "pt_BR"
    return region if region in languages() else None


def is_foreign(language: str | None) -> bool:
    """Whether lyrics in this language have to be translated for a video model, which reads English only."""
    return language not in (None, ENGLISH)


@functools.cache
def unpicturable_words() -> frozenset[str]:
    """Function words and vocables of all languages: words that name nothing a picture could show."""
    return frozenset(word for each in languages().values() for word in f"{each.function_words} {each.vocables}".split())


@functools.cache
def credit_phrases() -> tuple[str, ...]:
    """Phrases of all languages that are never sung."""
    return tuple(phrase for each in languages().values() for phrase in each.credits)


@functools.cache
def filler_phrases() -> frozenset[str]:
    """Phrases of all languages that are Whisper's answer to silence where they stand alone."""
    return frozenset(phrase for each in languages().values() for phrase in each.fillers)

"""The grammar: complete sentences character by character, and rules beyond the examples."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.content import Content, abstractions, picturable_words, read_data
from aimv.language.sentence import ACTIONS, adjective, sentence
from engine.analysis.instruments import OnnxClassifier

PALETTE = "the scene has a crimson color palette."


def stated(
    loudness: str, words: str | None, instruments: str, words_of_them: str = "impact wave tech", seed: int = 4
) -> str:
    names, abstract = tuple(instruments.split()), tuple(words_of_them.split())
    loudness = loudness.encode().decode()  # a string of its own, as from the command line
    return sentence(Content(loudness, words, names, "crimson", abstract), seed)


@pytest.mark.parametrize(
    ("content", "seed", "text"),
    [
        (
            Content("loud", "heart", ("crash", "splash", "synth"), "crimson", ("impact", "wave", "tech")),
            4,
            "Person loudly sings, holding a heart, alongside a Crash and Splash hit with a foreground techy synth wave "
            "impact, the scene has a crimson color palette.",
        ),
        (
            Content("loud", None, ("kick", "bass", "tom"), "crimson", ("canon", "deep", "bounce")),
            0,
            "Kick hits and Bass plays in the background. In the foreground a bouncey tom deep canon, the scene has a "
            "crimson color palette.",
        ),
        (
            Content("quiet", None, ("cello", "vocal", "guitar"), "crimson", ("floating", "vibrate", "pedal")),
            0,
            "Cello plays and Vocal sings in the background. In the foreground a pedaly guitar vibrate floating, the "
            "scene has a crimson color palette.",
        ),
        (
            Content("quiet", "You broke my eyes", ("snare", "piano", "ride"), "orange", ("dust", "rain", "echo")),
            0,
            "Person softly sings, holding eyes, alongside a Drum stick that strikes a Snare and a Piano that plays "
            "with a foreground echoy ride rain dust, the scene has an orange color palette.",
        ),
        (
            Content(
                "loud", "mi corazón", ("speech", "organ", "bass"), "teal", ("echo", "cathedral", "deep"), "my heart"
            ),
            7,
            "Person yelling, chasing a heart, alongside an Organ that plays with a foreground deep bass cathedral "
            "echo, the scene has a teal color palette.",
        ),
        (
            Content("quiet", "心", ("vocal", "speech", "harp"), "navy", ("vibrate", "echo", "gold")),
            20,
            "Person whispering, holding the word “心”, with a foreground goldy harp echo vibrate, the scene has a "
            "navy color palette.",
        ),
        (
            Content("loud", "hour", (), "black", ()),
            1,
            "Person loudly sings, reaching for an hour, the scene has a black color palette.",
        ),
        (Content("quiet", "oh la la", (), "black", ()), 0, "Silence, the scene has a black color palette."),
    ],
)
def test_whole_sentences_character_for_character(content: Content, seed: int, text: str) -> None:
    assert sentence(content, seed) == text


def test_the_readmes_command_prints_the_readmes_caption() -> None:
    readme = Path(__file__).parents[3].joinpath("README.md").read_text("utf-8")
    caption = " ".join(re.findall(r"(?m)^> \*?(.+?)\*?$", readme))
    command = re.search(r"aimv sentence loud heart crash splash synth crimson --seed (\d+)\n", readme)
    assert command
    instruments = ("crash", "splash", "synth")
    content = Content("loud", "heart", instruments, "crimson", abstractions(instruments))
    assert sentence(content, int(command[1])) == caption
    assert sentence(content) != caption, "the seed is needed"


@pytest.mark.parametrize(
    ("instruments", "background"),
    [
        ("snare bass tom", "Drum stick strikes Snare and Bass plays"),
        ("bass snare tom", "Bass plays and Drum stick strikes Snare"),
        ("kick snare tom", "Kick and Snare hit"),
        ("clap guitar tom", "Clap hits and Guitar picks"),
        ("guitar guitar tom", "Guitar and Guitar pick"),
        ("piano violin bass", "Piano and Violin play"),
        ("vocal vocal bass", "Vocal and Vocal sing"),
        ("speech speech bass", "Speech and Speech speak"),
        ("hi-hat speech bass", "Drum stick strikes Hi-hat and Speech speaks"),
        ("kazoo vocal bass", "Kazoo plays and Vocal sings"),
    ],
)
def test_verbs_follow_the_family_of_the_instrument(instruments: str, background: str) -> None:
    assert stated("loud", None, instruments).startswith(f"{background} in the background. In the foreground a techy ")


@pytest.mark.parametrize(
    ("instruments", "beside"),
    [
        ("kick organ bass", "alongside a Kick that hits and an Organ that plays with"),
        ("organ ukulele bass", "alongside an Organ and Ukulele play with"),
        ("ride guitar bass", "alongside a Drum stick that strikes a Ride and a Guitar that picks with"),
        ("vocal guitar bass", "alongside a Guitar that picks with"),
        ("crash vocal bass", "alongside a Drum stick that strikes a Crash with"),
        ("vocal speech bass", "with"),
    ],
)
def test_beside_a_voice_each_keeps_its_verb_and_the_voice_is_the_person(instruments: str, beside: str) -> None:
    assert f" a heart, {beside} a foreground techy bass wave impact, {PALETTE}" in stated("loud", "heart", instruments)


@pytest.mark.parametrize(
    ("loudness", "speech", "song"), [("loud", "yelling", "loudly"), ("quiet", "whispering", "softly")]
)
def test_a_voice_is_loud_or_soft_and_speech_is_spoken(loudness: str, speech: str, song: str) -> None:
    assert stated(loudness, "heart", "bass tom vocal").startswith(f"Person {song} sings, holding a heart")
    assert stated(loudness, "heart", "bass tom speech").startswith(f"Person {speech}, holding a heart")


def test_adjectives() -> None:
    made = [
        adjective(word) for word in ("tech", "bounce", "pedal", "deep", "floating", "misty", "red", "comic", "joyful")
    ]
    assert made == ["techy", "bouncey", "pedaly", "deep", "floating", "misty", "red", "comic", "joyful"]
    kept = ("famous", "endless", "boyish", "neon")
    assert [adjective(word) for word in kept] == list(kept)


def test_without_an_instrument_the_foreground_is_of_abstractions_only() -> None:
    assert stated("quiet", None, "", "deep wave echo") == f"In the foreground an echoy wave deep, {PALETTE}"
    assert stated("loud", "heart", "", "deep wave tech") == (
        f"Person loudly sings, holding a heart, with a foreground techy wave deep, {PALETTE}"
    )


def test_the_action_depends_on_the_seed_and_on_the_word_and_all_are_used() -> None:
    def action(word: str, seed: int) -> str:
        found = re.match(
            f"Person loudly sings, (.+) an? {word}, ", stated("loud", word, "crash splash synth", seed=seed)
        )
        assert found
        return found[1]

    content = Content("loud", "heart", (), "crimson", ())
    assert sentence(content) == sentence(content, 0) != sentence(content, 2)
    assert {action("heart", seed) for seed in range(60)} == set(ACTIONS)
    assert len({action(word, 4) for word in ("heart", "river", "house", "dream", "flame")}) > 1


NAMES = st.sampled_from([*sorted(read_data("vocabulary.json")["instruments"]), "kazoo"])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["loud", "quiet"]),
    st.none() | st.text(max_size=30),
    st.lists(NAMES, min_size=3, max_size=3) | st.just([]),
    st.lists(st.sampled_from(picturable_words()), min_size=3, max_size=3) | st.just([]),
    st.integers(),
)
def test_any_content_is_one_sentence_that_ends_with_its_palette(
    loudness: str, words: str | None, instruments: list[str], abstract: list[str], seed: int
) -> None:
    content = Content(loudness, words, tuple(instruments), "crimson", tuple(abstract))
    text = sentence(content, seed)
    assert text == sentence(content, seed)
    assert text.endswith(f", {PALETTE}")
    assert text == " ".join(text.split()), "one line, single spaces"
    assert not re.search(r"\b[Aa] [aeio]|\ban [bcdfgjklmnpqrstvwxyz]", text.split("“")[0].replace(f"a {words}", ""))


def test_the_families_are_those_of_the_classifier(classifier: OnnxClassifier) -> None:
    table = read_data("vocabulary.json")["families"]
    assert {family: set(names) & set(classifier.labels) for family, names in table.items()} == {
        family: set(labels) for family, labels in classifier.families.items()
    }

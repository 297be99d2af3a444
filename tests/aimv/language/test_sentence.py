"""The grammar against the content language's examples, and the rules the examples do not show."""

import pytest

from aimv.language.sentence import ACTIONS, Content, adjective, sentence


def said(loudness: str, words: str | None, instruments: str, abstractions: str, colour: str = "crimson") -> str:
    return sentence(Content(loudness, words, tuple(instruments.split()), colour, tuple(abstractions.split())))


def test_first_example_character_for_character() -> None:
    text = said("loud", "heart", "crash splash synth", "impact wave tech")
    action = next(action for action in ACTIONS if f", {action} a heart, " in text)
    assert text == (
        f"Person loudly sings, {action} a heart, alongside a Crash and Splash hit with a foreground techy synth "
        "wave impact, the scene has a crimson color palette."
    )


def test_second_example_character_for_character() -> None:
    assert said("loud", None, "kick bass tom", "canon deep bounce") == (
        "Kick hits and Bass plays in the background. In the foreground a bouncey tom deep canon, the scene has a "
        "crimson color palette."
    )


def test_third_example_character_for_character() -> None:
    assert said("quiet", None, "cello vocal guitar", "floating vibrate pedal") == (
        "Cello plays and Vocal sings in the background. In the foreground a pedaly guitar vibrate floating, the "
        "scene has a crimson color palette."
    )


@pytest.mark.parametrize(
    ("instruments", "background"),
    [
        ("snare bass tom", "Drum stick strikes Snare and Bass plays in the background."),
        ("kick snare tom", "Kick and Snare hit in the background."),
        ("clap guitar tom", "Clap hits and Guitar picks in the background."),
        ("piano violin bass", "Piano and Violin play in the background."),
        ("hi-hat speech bass", "Drum stick strikes Hi-hat and Speech speaks in the background."),
    ],
)
def test_verbs_follow_the_kind_of_instrument(instruments: str, background: str) -> None:
    assert said("loud", None, instruments, "impact wave tech").startswith(background)


def test_two_kinds_beside_a_voice_each_keep_their_verb() -> None:
    assert ", alongside a Kick that hits and an Organ that plays with a foreground " in said(
        "loud", "heart", "kick organ bass", "canon cathedral deep"
    )


def test_the_voice_itself_does_not_stand_beside_the_person() -> None:
    assert ", alongside a Guitar that picks with a foreground " in said("quiet", "heart", "vocal guitar bass", "a b c")


def test_quiet_voice_is_soft_and_speech_is_yelled_or_whispered() -> None:
    assert said("quiet", "heart", "crash splash synth", "impact wave tech").startswith("Person softly sings, ")
    assert said("loud", "heart", "speech bass tom", "a b c").startswith("Person yelling, ")
    assert said("quiet", "heart", "speech bass tom", "a b c").startswith("Person whispering, ")


def test_adjectives() -> None:
    made = [adjective(word) for word in ("tech", "bounce", "pedal", "deep", "floating", "misty")]
    assert made == ["techy", "bouncey", "pedaly", "deep", "floating", "misty"]


def test_silence_and_doubt_name_no_instrument() -> None:
    assert said("quiet", None, "", "") == "Silence, the scene has a crimson color palette."
    assert said("quiet", None, "", "deep wave tech", "orange") == (
        "In the foreground a techy wave deep, the scene has an orange color palette."
    )
    assert "with a foreground techy wave deep, the scene" in said("loud", "heart", "", "deep wave tech")


def test_action_comes_from_the_seed_and_all_are_used() -> None:
    content = Content("loud", "heart", ("crash", "splash", "synth"), "crimson", ("impact", "wave", "tech"))
    assert sentence(content, 5) == sentence(content, 5)
    used = {action for seed in range(60) for action in ACTIONS if f", {action} a heart" in sentence(content, seed)}
    assert used == set(ACTIONS)

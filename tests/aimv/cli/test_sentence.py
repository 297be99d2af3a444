"""`aimv sentence`: arguments and output."""

from collections.abc import Callable

import pytest

from tests.conftest import Ran

Aimv = Callable[..., Ran]


def test_the_three_examples(aimv: Aimv) -> None:
    first = aimv("sentence", "loud", "heart", "crash", "splash", "synth", "crimson", "--seed", "4")
    assert first.status == 0
    assert first.out == (
        "Person loudly sings, holding a heart, alongside a Crash and Splash hit with a foreground techy synth wave "
        "impact, the scene has a crimson color palette.\n"
    )
    assert aimv("sentence", "loud", "N/A", "kick", "bass", "tom", "crimson").out == (
        "Kick hits and Bass plays in the background. In the foreground a bouncey tom deep canon, the scene has a "
        "crimson color palette.\n"
    )
    assert aimv("sentence", "quiet", "N/A", "cello", "vocal", "guitar", "crimson").out == (
        "Cello plays and Vocal sings in the background. In the foreground a pedaly guitar vibrate floating, the "
        "scene has a crimson color palette.\n"
    )


def test_given_abstractions_and_hex_colour(aimv: Aimv) -> None:
    ran = aimv("sentence", "quiet", "N/A", "cello", "flute", "harp", "#dc143c", "river", "wind", "gold")
    assert "a goldy harp wind river, the scene has a crimson color palette." in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("noisy", "N/A", "kick", "bass", "tom", "red"), "loud or quiet"),
        (("loud", "N/A", "kick", "bass", "tom", "octarine"), "no colour named"),
        (("loud", "N/A", "kick", "bass", "tom", "red", "deep"), "all three abstractions"),
        (("loud", "N/A", "kick", "N/A", "tom", "red"), "three instruments"),
        (("loud", "N/A", "kick"), "Missing argument"),
    ],
)
def test_usage_errors_are_one_line_with_status_2(aimv: Aimv, arguments: tuple[str, ...], words: str) -> None:
    ran = aimv("sentence", *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert words in ran.err

"""Selection of scenes by keywords."""

from collections import Counter
from pathlib import Path

import pytest

from engine.scenes import isf
from engine.scenes.selection import LIBRARY, select_scene


def scene(name: str, *keywords: str) -> isf.Scene:
    words = ", ".join(f'"{word}"' for word in keywords)
    return isf.parse(f'/*{{"KEYWORDS": [{words}]}}*/ void main() {{}}', name, Path())


SCENES = (scene("a", "impact", "burst"), scene("b", "wave"), scene("c", "tech"), scene("d", "deep"))


def test_the_only_match_is_taken_for_every_seed() -> None:
    assert {select_scene(SCENES, ("wave",), seed).name for seed in range(20)} == {"b"}


def test_earlier_words_weigh_more() -> None:
    counts = Counter(select_scene(SCENES, ("impact", "wave", "tech"), seed).name for seed in range(700))
    assert counts["a"] > 1.5 * counts["b"] > 2.2 * counts["c"] > 0
    assert counts["d"] == 0


@pytest.mark.parametrize(("word", "name"), [("bursting", "a"), ("waves", "b"), ("Techy", "c"), ("wavey", "b")])
def test_endings_do_not_matter(word: str, name: str) -> None:
    assert select_scene(SCENES, (word,), 1).name == name


def test_an_unknown_word_keeps_its_scene() -> None:
    assert len({select_scene(SCENES, ("zyzzyva",), seed).name for seed in range(20)}) == 1
    assert len({select_scene(SCENES, (f"unknown{n}",), 1).name for n in range(40)}) == len(SCENES)


def test_no_words_and_no_scenes() -> None:
    assert len({select_scene(SCENES, (), seed).name for seed in range(60)}) == len(SCENES)
    with pytest.raises(ValueError, match="no scenes"):
        select_scene((), ("wave",), 1)


def test_every_abstraction_of_the_content_language_has_a_scene() -> None:
    scenes = [isf.load(path) for path in LIBRARY.glob("*.fs")]
    pictured = {word for each in scenes for word in each.keywords}
    shipped = """
        impact wave tech canon deep bounce floating vibrate pedal burst spark shatter pulse neon circuit crystal fire
        smoke water ocean sky cloud city forest stone glass silk feather thread spiral bloom echo shadow gold brass
        ribbon breath wind gallop thunder ripple mist
    """
    assert set(shipped.split()) <= pictured

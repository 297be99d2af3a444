"""Sung words as type: in time, in any script, joined and in the right direction."""

import unicodedata

import numpy as np
import pytest

from engine.playback import captions
from engine.playback.captions import CaptionRenderer, visual_order

WIDTH, HEIGHT = 320, 180
PLAIN = np.full((HEIGHT, WIDTH, 3), (120, 40, 60), np.uint8)


def named(*names: str) -> str:
    return "".join(unicodedata.lookup(name) for name in names)


def test_left_to_right_text_stays_as_it_is() -> None:
    for text in ("heart", "cœur d'été", "сердце", "心が歌う", "사랑 노래"):
        assert visual_order(text) == unicodedata.normalize("NFC", text)


def test_hebrew_is_turned_round() -> None:
    assert visual_order("שלום עולם") == "םלוע םולש"


def test_arabic_letters_join() -> None:
    """qalb, heart: qaf begins, lam is in the middle, beh ends; set from the left, the last comes first."""
    assert visual_order("قلب") == named(
        "ARABIC LETTER BEH FINAL FORM", "ARABIC LETTER LAM MEDIAL FORM", "ARABIC LETTER QAF INITIAL FORM"
    )


def test_letters_that_do_not_reach_out_are_not_joined() -> None:
    """dar, house: dal and alef and reh stand alone."""
    assert visual_order("دار") == named(
        "ARABIC LETTER REH ISOLATED FORM", "ARABIC LETTER ALEF ISOLATED FORM", "ARABIC LETTER DAL ISOLATED FORM"
    )


def test_lam_and_alef_are_one() -> None:
    assert visual_order("لا") == named("ARABIC LIGATURE LAM WITH ALEF ISOLATED FORM")
    assert visual_order("سلام").startswith(named("ARABIC LETTER MEEM ISOLATED FORM"))
    assert named("ARABIC LIGATURE LAM WITH ALEF FINAL FORM") in visual_order("سلام")


def test_latin_words_keep_their_order_among_arabic_ones() -> None:
    assert visual_order("قلب love").startswith("love ")


def shown(text: str) -> np.ndarray:
    letters = CaptionRenderer(WIDTH, HEIGHT)
    letters.add(text, 1.0, 2.0)
    return letters.draw(PLAIN, 1.5)


@pytest.mark.parametrize("text", ["heart", "сердце", "心が歌う", "사랑", "שלום", "καρδιά", "trái tim"])
def test_any_script_is_set_on_the_picture(text: str) -> None:
    picture = shown(text)
    assert (picture.min(axis=2) > 200).sum() > 300, "there is type"
    assert not np.array_equal(picture, shown("?" * len(text))), "and not for want of letters"
    edge = np.concatenate([picture[:, :8], picture[:, -8:]], axis=1).min(axis=2)
    assert edge.max() < 200, "it is not cut off"


def test_arabic_is_set_joined_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "ARABIC_FONTS", ("/no/such/font.ttf",))
    assert shown("قلب") is PLAIN


def test_a_long_line_is_made_smaller_until_it_fits() -> None:
    columns = np.flatnonzero((shown("never gonna give you up tonight").min(axis=2) > 150).any(axis=0))
    assert columns.size and columns[0] > 5 and columns[-1] < WIDTH - 6


def test_it_comes_on_its_time_and_goes() -> None:
    letters = CaptionRenderer(WIDTH, HEIGHT)
    letters.add("heart", 1.0, 1.6)
    change = {t: np.abs(letters.draw(PLAIN, t).astype(int) - PLAIN).mean() for t in (0.99, 1.1, 1.5, 1.8, 2.2)}
    assert change[0.99] == 0.0 and change[2.2] == 0.0
    assert min(change[1.1], change[1.5]) > 2 and 0 < change[1.8] < change[1.5]
    assert np.array_equal(PLAIN, np.full_like(PLAIN, PLAIN[0, 0])), "the picture given is left alone"


def test_a_word_makes_room_for_the_next() -> None:
    letters = CaptionRenderer(WIDTH, HEIGHT)
    letters.add("one", 1.0, 5.0)
    letters.add("two", 2.0, 3.0)
    alone = CaptionRenderer(WIDTH, HEIGHT)
    alone.add("nothing", 0.0, 0.1)
    alone.add("two", 2.0, 3.0)
    assert np.array_equal(letters.draw(PLAIN, 2.8), alone.draw(PLAIN, 2.8))


def test_blank_words_are_left_out() -> None:
    assert shown("  ") is PLAIN


def test_words_long_past_are_let_go_and_the_others_keep_their_places() -> None:
    kept, trimmed = CaptionRenderer(WIDTH, HEIGHT), CaptionRenderer(WIDTH, HEIGHT)
    for number in range(1000):
        for each in (kept, trimmed):
            each.add(f"word{number}", float(number), number + 0.8)
        trimmed.forget(number - 30.0)
        if number % 7 == 0:
            assert np.array_equal(kept.draw(PLAIN, number + 0.3), trimmed.draw(PLAIN, number + 0.3))
    assert kept.is_visible(500.4) and not trimmed.is_visible(500.4), "it is gone"
    assert trimmed.is_visible(970.4)

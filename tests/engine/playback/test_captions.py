"""Captions: timing, scripts, shaping and text direction."""

import unicodedata

import numpy as np
import pytest

from engine.playback import captions
from engine.playback.captions import CaptionRenderer, visual_order

WIDTH, HEIGHT = 320, 180
PLAIN = np.full((HEIGHT, WIDTH, 3), (120, 40, 60), np.uint8)


def named(*names: str) -> str:
    return "".join(unicodedata.lookup(name) for name in names)


def test_left_to_right_text_is_unchanged() -> None:
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


def test_a_caption_appears_and_disappears_on_time() -> None:
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


def test_blank_words_are_skipped() -> None:
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


def box(
    text: str, index: int = 0, t: float = 1.5, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> tuple[float, float, int, int]:
    """Centre (as shares of the picture), width and height of the bright pixels of the word shown as the n-th."""
    captions = CaptionRenderer(*size)
    for number in range(index):
        captions.add("before", -100.0 + number, -99.0)
    captions.add(text, 1.0, 2.0)
    plain = np.full((size[1], size[0], 3), 60, np.uint8)
    lit = captions.draw(plain, t).min(axis=2) > 150
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    centre = (columns[0] + columns[-1] + 1) / 2 / size[0], (rows[0] + rows[-1] + 1) / 2 / size[1]
    return *centre, int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def test_words_take_five_places_in_turn() -> None:
    places = [box("mmm", index)[:2] for index in range(6)]
    expected = [(0.5, 0.76), (0.36, 0.70), (0.62, 0.80), (0.44, 0.82), (0.58, 0.68), (0.5, 0.76)]
    low = np.array([0.0, 0.037])  # letters without ascenders lie below the centre of their line
    assert np.array(places) - low == pytest.approx(np.array(expected), abs=0.01)


def test_a_word_is_a_sixth_as_tall_as_the_picture_and_four_fifths_as_wide_at_most() -> None:
    for size in ((320, 180), (640, 360)):
        *_, wide, tall = box("MMM", size=size)
        assert 0.08 * size[1] < tall < 0.17 * size[1]
        *_, wide, tall = box("MMMMMMMMMMMMMMMMMMMM", size=size)
        assert 0.7 * size[0] < wide <= 0.81 * size[0] and tall < 0.08 * size[1]


def test_a_word_appears_large_and_shrinks() -> None:
    first, settled = box("MMM", t=1.09), box("MMM", t=1.9)
    assert 1.02 < first[2] / settled[2] < 1.09


def amount(t: float, *words: tuple[str, float, float]) -> float:
    """How much of type is on the picture at a time, against the first word in full."""
    captions, full = CaptionRenderer(WIDTH, HEIGHT), CaptionRenderer(WIDTH, HEIGHT)
    full.add(words[0][0], 0.0, 100.0)
    for word in words:
        captions.add(*word)
    changes = [np.abs(each.draw(PLAIN, at).astype(int) - PLAIN).mean() for each, at in ((captions, t), (full, 50.0))]
    return float(changes[0] / changes[1])


@pytest.mark.parametrize(
    ("t", "share"), [(1.0, 0.0), (1.045, 0.5), (1.1, 1.0), (2.0, 1.0), (2.175, 0.5), (2.34, 0.03), (2.36, 0.0)]
)
def test_a_word_fades_in_and_out(t: float, share: float) -> None:
    assert amount(t, ("heart", 1.0, 2.0)) == pytest.approx(share, abs=0.1)


def test_a_short_word_stays_for_four_tenths_of_a_second() -> None:
    assert amount(1.39, ("heart", 1.0, 1.1)) == pytest.approx(1.0, abs=0.1)
    assert amount(1.575, ("heart", 1.0, 1.1)) == pytest.approx(0.5, abs=0.1)


def test_a_word_fades_out_from_the_start_of_the_next() -> None:
    assert amount(2.30, ("heart", 1.0, 5.0), (" ", 1.5, 2.0), (".", 2.0, 3.0)) == pytest.approx(0.15, abs=0.12)


def test_the_visibility_of_a_word_is_reported() -> None:
    captions = CaptionRenderer(WIDTH, HEIGHT)
    captions.add("heart", 1.0, 2.0)
    assert [captions.is_visible(t) for t in (0.99, 1.0, 1.5, 2.34, 2.36)] == [False, True, True, True, False]
    for number in range(3):
        captions.add("more", 10.0 + number, 10.5 + number)
    assert captions.is_visible(12.4) and not captions.is_visible(9.0)


def test_words_forgotten_are_a_multiple_of_the_places() -> None:
    captions = CaptionRenderer(WIDTH, HEIGHT)
    for number in range(12):
        captions.add("heart", float(number), number + 0.5)
    captions.forget(7.0)
    assert not captions.is_visible(4.7) and captions.is_visible(5.2) and captions.is_visible(11.2)


def test_a_shadow_darkens_what_is_around_the_letters() -> None:
    bright = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    captions = CaptionRenderer(WIDTH, HEIGHT)
    captions.add("heart", 1.0, 2.0)
    picture = captions.draw(bright, 1.5)
    assert picture.max() > 245 and 70 < picture.min() < 110
    assert picture[:20].min() == 200, "far from it nothing changes"


def test_marks_stay_with_their_letters() -> None:
    shalom = unicodedata.normalize("NFD", "שׁ") + "לום"
    assert visual_order(shalom)[0] == "ם" and visual_order(shalom)[-1] == "\N{HEBREW POINT SHIN DOT}"
    assert visual_order("قَلب").count("\N{ARABIC FATHA}") == 1


def test_a_left_to_right_text_keeps_its_order_around_a_right_to_left_word() -> None:
    assert visual_order("love שלום love") == "love םולש love"

"""The HUD over the frame: visible, updated, and drawn on a copy."""

import msgspec
import numpy as np

from engine.outputs.window import Hud, Readout

FRAME = np.full((180, 320, 3), 90, np.uint8)
FULL = Readout(
    title="live",
    warning="the input is silent",
    sentence="Kick hits and Bass plays in the background. " * 4,
    words="heart",
    bars=(("kick", 0.9), ("bass", 0.4)),
    colour="crimson",
    rgb=(220, 20, 60),
    level_db=-12.0,
    phase=0.5,
    beat=1.0,
    tempo="120 bpm",
    rows=(("pictures", "30"), ("worker", "ready")),
)


def test_the_readout_is_on_the_left_of_a_copy_of_the_frame() -> None:
    kept = FRAME.copy()
    shown = Hud(320, 180).draw(FRAME, FULL)
    assert np.array_equal(FRAME, kept)
    assert shown.shape == FRAME.shape
    assert (shown[:, :160].max(axis=2) > 180).sum() > 300, "letters"
    assert np.array_equal(shown[:, 300:], FRAME[:, 300:])


def test_the_colour_of_the_sound_is_shown() -> None:
    shown = Hud(320, 180).draw(FRAME, FULL)
    assert (np.abs(shown.astype(int) - (220, 20, 60)).sum(axis=2) < 6).sum() > 20


def test_a_warning_is_written_in_its_colour() -> None:
    def orange(readout: Readout) -> int:
        shown = Hud(320, 180).draw(np.zeros_like(FRAME), readout).astype(int)
        return int((np.abs(shown - (255, 120, 90)).sum(axis=2) < 60).sum())

    assert orange(FULL) > 20
    assert orange(msgspec.structs.replace(FULL, warning="")) == 0


def test_beat_and_level_move_with_every_picture() -> None:
    hud = Hud(320, 180)
    pictures = [hud.draw(FRAME, Readout(beat=beat, level_db=level)) for beat, level in ((1.0, -6.0), (0.1, -50.0))]
    assert (pictures[0] != pictures[1]).any()


def test_an_empty_readout_and_a_tiny_picture_are_no_trouble() -> None:
    assert Hud(16, 16).draw(np.zeros((16, 16, 3), np.uint8), FULL).shape == (16, 16, 3)
    assert Hud(320, 180).draw(FRAME, Readout()).shape == FRAME.shape


def test_the_input_line_is_at_the_bottom_and_shows_its_end() -> None:
    hud = Hud(320, 180)
    kept = FRAME.copy()
    short, longer, far = (
        hud.draw_input_line(FRAME, text) for text in ("ink", "ink on paper", "ink on paper " * 20 + "!")
    )
    assert np.array_equal(FRAME, kept)
    assert np.array_equal(short[:120], FRAME[:120])
    assert (short != longer).any()
    assert (far[120:, -40:].max(axis=2) > 180).sum() > 5, "as wide as there is room, with its end"
    assert Hud(16, 16).draw_input_line(np.zeros((16, 16, 3), np.uint8), "ink").shape == (16, 16, 3)


def test_the_last_row_is_visible_with_any_amount_of_text() -> None:
    """The colour of the last row's letters stands near the foot, and nothing is cut off below."""
    rows = tuple((f"row {number}", "value") for number in range(10))
    crowded = msgspec.structs.replace(
        FULL, rows=rows, bars=tuple((f"bar {k}", 0.5) for k in range(5)), words="my heart " * 9
    )
    hud, black = Hud(640, 360), np.zeros((360, 640, 3), np.uint8)
    shown = hud.draw(black, crowded)
    hud.draw_input_line(black, "ink")
    assert np.array_equal(hud.draw(black, crowded), shown), "a line that is typed moves nothing"
    fewer = Hud(640, 360).draw(np.zeros((360, 640, 3), np.uint8), msgspec.structs.replace(crowded, rows=rows[:-1]))
    assert not np.array_equal(shown, fewer)
    assert not shown[-4:, :280].any()

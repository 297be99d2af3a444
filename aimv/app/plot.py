"""Plot of an analysis: waveform, loudness, words, instrument probabilities and colours over time, as PNG."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aimv.app.listen import Row
from engine.audio.song import Song, load_song
from engine.files import whole_file

_COLUMNS = 2000  # of the waveform
_FEWEST, _MOST = 6, 14  # instruments shown
_INK, _PAPER, _PANEL = "#b8bcc4", "#101216", "#16191f"


def draw(song_path: Path, rows: list[Row], out: Path) -> None:
    """Draw `rows` of the song into the PNG file `out`; OutputError if it cannot be written."""
    song = load_song(song_path)
    figure = Figure(figsize=(16, 9), dpi=110, facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(4, 1, sharex=True, height_ratios=[2.2, 1.1, 4, 0.7])
    for axes in panels:
        axes.set_facecolor(_PANEL)
        axes.tick_params(colors=_INK, labelsize=9)
        for spine in axes.spines.values():
            spine.set_color("#2b3038")
    wave, words, instruments, colours = panels
    wave.set_title(song_path.name, color="#ffffff", loc="left")
    _draw_wave(wave, song, rows)
    _draw_words(words, rows)
    _draw_instruments(figure, instruments, rows)
    _draw_colours(colours, rows)
    colours.set_xlim(0, song.duration)
    with whole_file(out, option="plot") as temporary:
        figure.savefig(temporary, format="png", facecolor=_PAPER)


def _draw_wave(axes: Any, song: Song, rows: list[Row]) -> None:
    """Waveform, beats as thin lines, loudness as a curve."""
    mono = song.mono(song.rate)
    step = max(1, len(mono) // _COLUMNS)
    count = len(mono) // step
    blocks = mono[: count * step].reshape(count, step)
    axes.fill_between(
        np.arange(count) * step / song.rate, blocks.min(axis=1), blocks.max(axis=1), color="#7fb4ff", linewidth=0
    )
    for beat in sorted({beat for row in rows for beat in row.analysis.beats}):
        axes.axvline(beat, color="#ffffff", alpha=0.18, linewidth=0.8)
    axes.set_ylabel("waveform, beats", color=_INK)
    loud = axes.twinx()
    loud.plot([_middle(row) for row in rows], [row.analysis.lufs for row in rows], color="#ffb454", linewidth=1.4)
    loud.set_ylim(-60, 0)
    loud.tick_params(colors="#ffb454", labelsize=9)
    loud.set_ylabel("LUFS", color="#ffb454")


def _draw_words(axes: Any, rows: list[Row]) -> None:
    """Each word from its start to its end, on three lines in turn so that they do not overlap."""
    words = {(word.start, word.text): word for row in rows for word in row.analysis.words}
    for index, (_, word) in enumerate(sorted(words.items())):
        line = index % 3
        axes.plot([word.start, word.end], [line, line], color="#8bd49c", linewidth=3, solid_capstyle="butt")
        axes.text(word.start, line + 0.15, word.text, color="#ffffff", fontsize=8, clip_on=True)
    axes.set_ylim(-0.5, 3.2)
    axes.set_yticks([])
    axes.set_ylabel("words", color=_INK)


def _draw_instruments(figure: Any, axes: Any, rows: list[Row]) -> None:
    """Probabilities of the instruments with the highest peaks; a dot where one is confident."""
    axes.set_ylabel("instruments (• confident)", color=_INK)
    if not rows:
        return
    labels = list(rows[0].analysis.probabilities)
    grid = np.array([[row.analysis.probabilities[label] for row in rows] for label in labels])
    strength = grid.max(axis=1)
    count = max(_FEWEST, min(_MOST, int((strength >= 0.5).sum())))
    shown = sorted(int(k) for k in np.argsort(-strength)[:count])
    names = [labels[k] for k in shown]
    edges = [row.analysis.start for row in rows] + [rows[-1].analysis.end]
    mesh = axes.pcolormesh(edges, np.arange(len(shown) + 1), grid[shown], cmap="magma", vmin=0, vmax=1, shading="flat")
    for row in rows:
        for name in row.instruments.names[: row.instruments.confident]:
            if name in names:
                axes.plot(_middle(row), names.index(name) + 0.5, ".", color="#ffffff", markersize=4)
    axes.set_yticks(np.arange(len(shown)) + 0.5, names)
    axes.invert_yaxis()
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, aspect=30)
    bar.set_label("probability", color=_INK)
    bar.ax.tick_params(colors=_INK, labelsize=9)


def _draw_colours(axes: Any, rows: list[Row]) -> None:
    """The colour of each window, named where there is room."""
    free_from = 0.0  # names that would run into each other are left out
    for row in rows:
        axes.axvspan(row.analysis.start, row.analysis.end, color=row.hex, linewidth=0)
        if row.analysis.start >= free_from:
            axes.text(row.analysis.start, -0.08, row.content.colour, fontsize=7, color=_INK, va="top", clip_on=False)
            free_from = row.analysis.start + rows[-1].analysis.end * (0.012 + 0.0045 * len(row.content.colour))
    axes.set_yticks([])
    axes.set_ylabel("colour", color=_INK)
    axes.tick_params(axis="x", pad=14)
    axes.set_xlabel("seconds", color=_INK)


def _middle(row: Row) -> float:
    return (row.analysis.start + row.analysis.end) / 2

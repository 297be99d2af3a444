"""`aimv listen` and `aimv sentence`: the analysis of a song, and the sentence of a content tuple."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from aimv.cli.options import SongFile, command, console
from aimv.options import AnalysisSettings, Listening, Seed
from engine.errors import UsageError

if TYPE_CHECKING:
    from aimv.app.listen import Row


@command
def listen(file: SongFile, settings: AnalysisSettings, output: Listening) -> None:
    """Analyze a song second by second: instruments, words, loudness, colour, and the sentence they make.

    [dim]Examples:[/dim]

        aimv listen song.wav
        aimv listen song.mp3 --language es --plot song.png
        aimv listen song.flac --json --hop 0.25 > song.jsonl
    """
    from aimv.app.listen import listen as analyze
    from aimv.cli.progress import listening_bar
    from engine.files import check_writable

    if output.plot is not None:
        check_writable(output.plot, "plot")
    out = Console(highlight=False, markup=False)
    rows: list[Row] = []
    # A table that grows on the terminal shows by itself how far it is.
    with listening_bar(shown=output.live or not out.is_terminal) as progress:
        for row in analyze(file, hop=output.hop, live=output.live, on_progress=progress, **vars(settings)):
            if output.json:
                typer.echo(json.dumps(row.as_json(output.all), ensure_ascii=False))
            else:
                print_row(out, row, first=not rows)
            rows.append(row)
    if output.plot is not None:
        from aimv.app.plot import draw

        draw(file, rows, output.plot)
        console.print(f"drawn: {output.plot}")


@command
def sentence(
    loudness: Annotated[str, typer.Argument(help="loud or quiet, relative to the song so far.")],
    words: Annotated[str, typer.Argument(help="What is sung, or N/A.")],
    i1: Annotated[str, typer.Argument(help="The most probable instrument.")],
    i2: Annotated[str, typer.Argument(help="The second most probable.")],
    i3: Annotated[str, typer.Argument(help="The least probable; the sentence has it in the foreground.")],
    colour: Annotated[str, typer.Argument(help="A colour's name (crimson) or #rrggbb.")],
    a1: Annotated[str | None, typer.Argument(help="Abstraction of I1; looked up when left out.")] = None,
    a2: Annotated[str | None, typer.Argument(help="Abstraction of I2.")] = None,
    a3: Annotated[str | None, typer.Argument(help="Abstraction of I3.")] = None,
    *,
    chance: Seed,
) -> None:
    """Print the sentence of a content tuple.

    [dim]Examples:[/dim]

        aimv sentence loud heart crash splash synth crimson
        aimv sentence quiet N/A cello vocal guitar teal floating vibrate pedal
    """
    from aimv.language.content import Content, abstractions
    from aimv.language.sentence import NONE
    from aimv.language.sentence import sentence as make_sentence
    from engine.colour import colour_name, hex_of_name

    if loudness not in ("loud", "quiet"):
        raise UsageError(f"the loudness is {loudness!r}: give loud or quiet")
    given: list[Any] = [a1, a2, a3]
    if any(given) and not all(given):
        raise UsageError("give all three abstractions, or none to have them looked up")
    instruments = tuple(name.strip().lower() for name in (i1, i2, i3) if name != NONE)
    if len(instruments) not in (0, 3) or not all(instruments):
        raise UsageError("give three instruments, or N/A for all three")
    hex_colour = hex_of_name(colour)  # also checks a name
    content = Content(
        loudness=loudness,
        words=None if words.strip() in ("", NONE) else words,
        instruments=instruments,
        colour=colour_name(hex_colour) if colour.startswith("#") else " ".join(colour.lower().split()),
        abstractions=tuple(given) if all(given) else abstractions(instruments),
    )
    typer.echo(make_sentence(content, chance.seed))


def print_row(out: Console, row: Row, first: bool) -> None:
    """Print two lines: what was measured, and the sentence it makes."""
    from rich.text import Text

    if first:
        out.print(f"{'   time        LUFS  colour':45}{'instruments':34}words and their starts", style="bold")
    line = Text(f"{row.analysis.start:7.2f} {'loud' if row.analysis.loud else 'quiet':5} {row.analysis.lufs:6.1f}  ")
    line.append("██ ", style=row.hex)
    line.append(f"{row.content.colour:20}")
    instruments = Text()
    for index, name in enumerate(row.instruments.names):
        style = "bold" if index < row.instruments.confident else "dim"
        instruments.append(f"{name} {row.analysis.probabilities[name]:.0%}  ", style=style)
    instruments.pad_right(max(0, 34 - len(instruments)))
    line.append_text(instruments)
    for word in row.analysis.words:
        line.append(f"{word.start:.2f} ", style="dim").append(f"{word.text}  ", style="green")
    out.print(line, soft_wrap=True)
    out.print(Text(f"        {row.sentence}", style="dim"), soft_wrap=True)

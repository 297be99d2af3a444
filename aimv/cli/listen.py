"""`aimv listen` and `aimv sentence`: what is heard and what is said of it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from aimv.app.listen import Row
from aimv.app.listen import listen as listen_to
from aimv.cli.options import Language, Seed, SongFile, Whisper
from aimv.cli.progress import console, listening_bar
from aimv.language.abstraction import abstractions
from aimv.language.sentence import NONE, Content
from aimv.language.sentence import sentence as sentence_of
from aimv.options import WHISPER, AnalysisSettings
from engine.colour import colour_name, hex_of_name
from engine.errors import UsageError
from engine.files import check_writable


def listen(
    file: SongFile,
    hop: Annotated[float, typer.Option(help="Seconds from one window of 1 s to the next, 0.02 to 1.")] = 1.0,
    language: Language = "auto",
    live: Annotated[
        bool, typer.Option("--live", help="Hear the file as a live input: nothing is known early.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines instead of a table, one per window.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --json: the probability of every label, too.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw what is heard into this PNG file.", metavar="OUT.png")] = None,
    whisper: Whisper = WHISPER,
    seed: Seed = 0,
) -> None:
    """Hear a song, second by second: instruments, words, loudness, colour, and the sentence they make.

    [dim]Examples:[/dim]

        aimv listen song.wav
        aimv listen song.mp3 --language es --plot song.png
        aimv listen song.flac --json --hop 0.25 > song.jsonl
    """
    if everything and not as_json:
        raise UsageError("--all adds to --json: give both, or neither")
    if plot is not None:
        if plot.suffix.lower() != ".png":
            raise UsageError(f"{plot} is not named as a picture: give --plot a name that ends in .png")
        check_writable(plot)
    out = Console(highlight=False, markup=False)
    rows: list[Row] = []
    analysis = AnalysisSettings(language=language, whisper=whisper, seed=seed)
    # A table that grows on the terminal shows by itself how far it is.
    with listening_bar(shown=live or not out.is_terminal) as progress:
        heard = listen_to(
            file,
            hop=hop,
            language=analysis.language,
            live=live,
            whisper=whisper,
            seed=seed,
            on_progress=progress,
        )
        for row in heard:
            if as_json:
                typer.echo(json.dumps(row.as_json(everything), ensure_ascii=False))
            else:
                _print_row(out, row, first=not rows)
            rows.append(row)
    if plot is not None:
        from aimv.app.plot import draw  # noqa: PLC0415 - matplotlib takes a second to load

        draw(file, rows, plot)
        console.print(f"drawn: {plot}")


def sentence(
    loudness: Annotated[str, typer.Argument(help="loud or quiet: the window against the song so far.")],
    words: Annotated[str, typer.Argument(help="What is sung, or N/A.")],
    i1: Annotated[str, typer.Argument(help="The most certain instrument.")],
    i2: Annotated[str, typer.Argument(help="The second.")],
    i3: Annotated[str, typer.Argument(help="The least certain one; it stands in the foreground.")],
    colour: Annotated[str, typer.Argument(help="A colour's name (crimson) or #rrggbb.")],
    a1: Annotated[str | None, typer.Argument(help="Abstraction of I1; looked up when left out.")] = None,
    a2: Annotated[str | None, typer.Argument(help="Abstraction of I2.")] = None,
    a3: Annotated[str | None, typer.Argument(help="Abstraction of I3.")] = None,
    seed: Seed = 0,
) -> None:
    """Say one content tuple as its sentence.

    [dim]Examples:[/dim]

        aimv sentence loud heart crash splash synth crimson
        aimv sentence quiet N/A cello vocal guitar teal floating vibrate pedal
    """
    if loudness not in ("loud", "quiet"):
        raise UsageError(f"the loudness is {loudness!r}: give loud or quiet")
    given: list[Any] = [a1, a2, a3]
    if any(given) and not all(given):
        raise UsageError("give all three abstractions, or none to have them looked up")
    instruments = tuple(name.strip().lower() for name in (i1, i2, i3) if name != NONE)
    if len(instruments) not in (0, 3) or not all(instruments):
        raise UsageError("give three instruments, or N/A for all three")
    named = colour_name(hex_of_name(colour)) if colour.startswith("#") else _known_colour(colour)
    content = Content(
        loudness=loudness,
        words=None if words.strip() in ("", NONE) else words,
        instruments=instruments,
        colour=named,
        abstractions=tuple(given) if all(given) else abstractions(instruments),
    )
    typer.echo(sentence_of(content, seed))


def _known_colour(colour: str) -> str:
    """The colour as written if it is a known name."""
    hex_of_name(colour)
    return " ".join(colour.lower().split())


def _print_row(out: Console, row: Row, first: bool) -> None:
    """Two lines: what was measured, and the sentence it makes."""
    if first:
        titles = ("   time        LUFS  colour", "instruments", "words and their starts")
        out.print("{:45}{:34}{}".format(*titles), style="bold")
    certain = row.analysis.probabilities
    line = Text(f"{row.analysis.start:7.2f} {'loud' if row.analysis.loud else 'quiet':5} {row.analysis.lufs:6.1f}  ")
    line.append("██ ", style=row.hex)
    line.append(f"{row.content.colour:20}")
    instruments = Text()
    for index, name in enumerate(row.instruments.names):
        style = "bold" if index < row.instruments.confident else "dim"
        instruments.append(f"{name} {certain[name]:.0%}  ", style=style)
    instruments.pad_right(max(0, 34 - len(instruments)))
    line.append_text(instruments)
    for word in row.analysis.words:
        line.append(f"{word.start:.2f} ", style="dim").append(f"{word.text}  ", style="green")
    out.print(line, soft_wrap=True)
    out.print(Text(f"        {row.sentence}", style="dim"), soft_wrap=True)

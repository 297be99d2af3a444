"""Progress of long work on the terminal: what is being done and how long it will take."""

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from aimv.cli.options import console
from engine.types import Progress as ProgressListener


def _bars(shown: bool = True) -> Progress:
    return Progress(
        TextColumn("{task.description:10}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]:14}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )


@contextlib.contextmanager
def listening_bar(shown: bool) -> Iterator[Callable[[float, float], None]]:
    """A bar for listening; takes the seconds heard and the song's length."""
    with _bars(shown) as bars:
        task = bars.add_task("listening", total=None, detail="")

        def show(done: float, total: float) -> None:
            bars.update(task, completed=done, total=total, detail=f"{done:.0f} of {total:.0f} s")

        yield show


class VideoBars(ProgressListener):
    """Bars for listening, rendering and writing, which go on side by side."""

    def __init__(self) -> None:
        self._bars = _bars()
        self._planned = 0
        self._length = 0.0
        self._listening = self._bars.add_task("listening", total=None, detail="")
        self._rendering = self._bars.add_task("rendering", total=None, detail="")
        self._writing = self._bars.add_task("writing", total=None, detail="", visible=False)

    def set_lengths(self, song: float, shown: float) -> None:
        """The lengths in s of the song and of what is shown of it."""
        self._length = shown
        self._bars.update(self._listening, total=song)
        self._bars.update(self._writing, total=shown)

    def analyzed(self, until: float) -> None:
        self._bars.update(self._listening, completed=until, detail=f"{until:.0f} s of song")

    def planned(self, clips: int) -> None:
        self._planned = clips

    def rendering(self, finished: float) -> None:
        self._bars.update(
            self._rendering, completed=finished, total=self._planned, detail=f"{finished:.1f} of {self._planned} shots"
        )

    def shown(self, until: float) -> None:
        self._bars.update(self._writing, completed=until, visible=True, detail=f"{until:.0f} of {self._length:.0f} s")

    def __enter__(self) -> "VideoBars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

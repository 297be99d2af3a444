"""Progress of long work on the terminal: what is being done and how long it will take."""

import contextlib
from collections.abc import Callable, Iterator

from rich import progress

from aimv.cli.options import console
from engine.types import Progress


def _bars(shown: bool = True) -> progress.Progress:
    return progress.Progress(
        progress.TextColumn("{task.description:10}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.MofNCompleteColumn(" of "),
        progress.TextColumn("{task.fields[unit]:5}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )


@contextlib.contextmanager
def listening_bar(shown: bool) -> Iterator[Callable[[float, float], None]]:
    """A bar for listening; takes the seconds analyzed and the song's length."""
    with _bars(shown) as bars:
        task = bars.add_task("listening", total=None, unit="s")
        yield lambda done, total: bars.update(task, completed=done, total=total)


class VideoBars(Progress):
    """Bars for listening, rendering and writing, which go on side by side."""

    def __init__(self) -> None:
        self._bars = _bars()
        self._listening = self._bars.add_task("listening", total=None, unit="s")
        self._rendering = self._bars.add_task("rendering", total=None, unit="shots")
        self._writing = self._bars.add_task("writing", total=None, unit="s", visible=False)

    def set_lengths(self, song: float, shown: float) -> None:
        self._bars.update(self._listening, total=song)
        self._bars.update(self._writing, total=shown)

    def analyzed(self, until: float) -> None:
        self._bars.update(self._listening, completed=until)

    def planned(self, clips: int) -> None:
        self._bars.update(self._rendering, total=clips)

    def rendering(self, finished: float) -> None:
        self._bars.update(self._rendering, completed=finished)

    def shown(self, until: float) -> None:
        self._bars.update(self._writing, completed=until, visible=True)

    def __enter__(self) -> "VideoBars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

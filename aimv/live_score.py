"""The score of a live show: its shots with their real times, so that `aimv export` makes the show again, better."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import msgspec
from msgspec.structs import replace

from aimv.scorefile import SUFFIX, Score, head_of
from aimv.shots import Shot
from engine.errors import OutputError
from engine.files import output_error

_KEPT_S = 0.05  # a shot shorter than this is none


class LiveScore:
    """Takes shots as they begin; `write` puts them beside the recording, which is then the score's song.

    Until then they lie in a nameless file beside it, since a show may last for days.
    """

    def __init__(self, recording: Path) -> None:
        self.path = recording.with_name(recording.name.removesuffix(recording.suffix) + SUFFIX)
        self._recording = recording
        try:
            self._shots = tempfile.TemporaryFile(dir=recording.parent)  # noqa: SIM115 - open as long as the show
        except OSError as error:
            raise output_error(self.path, error) from error
        self._failed: OSError | None = None

    def begin(self, shot: Shot) -> None:
        """The next shot has begun; its end is when the one after it begins."""
        try:
            self._shots.write(msgspec.json.encode(shot) + b"\n")
        except OSError as error:  # the show goes on; `write` says it
            self._failed = error

    def write(self, origin: float) -> int:
        """Write the score, over the finished recording, which begins at `origin` s of the show; how many shots it has.

        Raises:
            OutputError: it cannot be written, or nothing was recorded.
        """
        try:
            with av.open(str(self._recording)) as file:
                sound = file.streams.audio[0]
                duration = float(sound.duration * sound.time_base) if sound.duration and sound.time_base else 0.0
        except (av.FFmpegError, OSError, IndexError) as error:
            raise OutputError(f"no score was written, because {self._recording} cannot be read ({error})") from error
        try:
            shots = self._within(origin, duration)
        except OSError as error:
            raise output_error(self.path, error) from error
        if not shots:
            raise OutputError("no score was written, because the show had no shot yet when it ended")
        moved = [replace(shot, times=tuple(round(time - origin, 3) for time in shot.times)) for shot in shots]
        Score(head_of(self._recording, duration, "", 0), tuple(moved)).write(self.path)
        return len(shots)

    def _within(self, origin: float, duration: float) -> list[Shot]:
        """The shots on the recording's time line, from its beginning to its end, without a gap."""
        begun = list(self._begun())
        ends = [*(shot.start for shot in begun), origin + duration][1:]
        within: list[Shot] = []
        for shot, end in zip(begun, ends, strict=True):
            start = within[-1].end if within else 0.0
            until = round(min(end - origin, duration), 3)
            if until - start > _KEPT_S:
                within.append(msgspec.structs.replace(shot, start=start, end=until))
        if within:
            within[-1] = msgspec.structs.replace(within[-1], end=round(duration, 3))
        return within

    def _begun(self) -> Iterator[Shot]:
        """Every shot, as it was when it began."""
        if self._failed:
            raise self._failed
        self._shots.seek(0)
        for line in self._shots:
            yield msgspec.json.decode(line, type=Shot)

"""The score of a live show: its shots with their real times, so that `aimv export` makes the show again, better."""

from pathlib import Path

import av
import msgspec
from msgspec.structs import replace

from aimv.scorefile import SUFFIX, Score, head_of
from aimv.shots import Shot
from engine.errors import OutputError

_KEPT_S = 0.05  # a shot shorter than this is none


class LiveScore:
    """Takes shots as they begin; `write` puts them beside the recording, which is then the score's song."""

    def __init__(self, recording: Path) -> None:
        self.path = recording.with_name(recording.name.removesuffix(recording.suffix) + SUFFIX)
        self._recording = recording
        self._shots: list[Shot] = []

    def begin(self, shot: Shot) -> None:
        """The next shot has begun; its end is when the one after it begins."""
        self._shots.append(shot)

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
        shots = self._within(origin, duration) if self._shots else []
        if not shots:
            raise OutputError("no score was written, because the show had no shot yet when it ended")
        moved = [replace(shot, times=tuple(round(time - origin, 3) for time in shot.times)) for shot in shots]
        Score(head_of(self._recording, duration, "", 0), tuple(moved)).write(self.path)
        return len(shots)

    def _within(self, origin: float, duration: float) -> list[Shot]:
        """The shots on the recording's time line, from its beginning to its end, without a gap."""
        ends = [*(shot.start for shot in self._shots[1:]), origin + duration]
        within: list[Shot] = []
        for shot, end in zip(self._shots, ends, strict=True):
            start = within[-1].end if within else 0.0
            until = round(min(end - origin, duration), 3)
            if until - start > _KEPT_S:
                within.append(msgspec.structs.replace(shot, start=start, end=until))
        if within:
            within[-1] = msgspec.structs.replace(within[-1], end=round(duration, 3))
        return within

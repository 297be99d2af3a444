"""The score: a song's shots as a JSON Lines file that a person can read, edit and export again.

The first line is the header, every other line one shot. A live show records its score with `ScoreRecorder`.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from msgspec.structs import replace

from engine.colour import hex_of_name
from engine.errors import OutputError, UsageError
from engine.files import output_error, sha256_of, whole_file

SUFFIX = ".score.jsonl"
FORMAT = 1
_TOLERANCE_S = 0.05  # between the header's duration and the end of the shots
_GAP_S = 0.002  # between two shots: their times are whole milliseconds
_SHORTEST_S = 0.05  # of a recorded shot; a shorter one is dropped

_T = TypeVar("_T")


class Shot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One span of the song with one sentence; a line of the score.

    Raises UsageError for an end that is not after the start, an empty sentence or an unknown colour.
    """

    start: float  # s
    end: float  # s
    sentence: str
    loudness: str
    words: str | None
    instruments: tuple[str, ...]
    abstractions: tuple[str, ...]
    colour: str
    hex: str
    seed: int
    times: tuple[float, ...] = ()  # s at which each of the words starts
    english: str | None = None  # `words` in English where another language is sung

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise UsageError("a shot must end after it starts")
        if not self.sentence.strip():
            raise UsageError("the sentence is empty")
        hex_of_name(self.hex)


class ScoreHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The score's first line: the song it belongs to and the settings it was made with."""

    aimv_score: int  # the file's format
    song: str  # path, in a file relative to the score's folder if the song lies below it
    sha256: str  # of the song's file
    duration: float  # s
    style: str
    seed: int

    @classmethod
    def of(cls, song: Path, duration: float, style: str, seed: int) -> Self:
        """The header of a new score of `song`, whose file is hashed."""
        return cls(FORMAT, str(song), sha256_of(song), round(duration, 3), style, seed)


class Score(msgspec.Struct, frozen=True):
    """A song and its shots, in order, from 0 s to the song's end. Raises UsageError if they overlap or leave a gap."""

    header: ScoreHeader
    shots: tuple[Shot, ...]

    def __post_init__(self) -> None:
        if fault := _span_fault(self.shots, self.header.duration):
            raise UsageError(f"shot {fault[0] + 1}: {fault[1]}")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a score; its `song` becomes a path from the current folder.

        Raises:
            UsageError: the file is no score, and which line is wrong; or its song is missing or another (`check_song`).
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").split("\n")  # splitlines() would split at U+2028 as well
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {path}: check the name") from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read as a score: make it anew from its song") from error
        numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        if not numbered:
            raise UsageError(f"{path} is empty: make the score anew from its song")
        header = _parse(path, *numbered[0], ScoreHeader)
        if header.aimv_score != FORMAT:
            raise UsageError(f"{path} is a score of format {header.aimv_score}, this AIMV reads {FORMAT}: make it anew")
        shots = tuple(_parse(path, number, line, Shot) for number, line in numbered[1:])
        if fault := _span_fault(shots, header.duration):
            raise _line_error(path, numbered[min(fault[0] + 1, len(shots))][0], fault[1])
        score = cls(replace(header, song=str(path.parent / header.song)), shots)
        score.check_song()
        return score

    def save(self, path: str | Path) -> None:
        """Write the score, whole or not at all; OutputError if it cannot be written."""
        path = Path(path)
        header = replace(self.header, song=_relative(self.song, path.parent))
        lines = [json.dumps(msgspec.to_builtins(line), ensure_ascii=False) for line in (header, *self.shots)]
        with whole_file(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def song(self) -> Path:
        """Where the song's file is."""
        return Path(self.header.song)

    def check_song(self) -> None:
        """Raise UsageError unless the song's file is there and is the one the score was made of (by its SHA-256)."""
        try:
            same = sha256_of(self.song) == self.header.sha256
        except (OSError, ValueError) as error:  # the second: a name with a NUL in it
            name = str(self.song)[:300]
            raise UsageError(
                f'the score\'s song {name} is not there: put it back, or correct "song" in line 1'
            ) from error
        if not same:
            raise UsageError(
                f"{self.song} is not the song that the score was made of (its SHA-256 differs): "
                'correct "song" in line 1 of the score, or make the score anew'
            )


def is_score(path: str | Path) -> bool:
    """Whether `path` is named like a score."""
    return Path(path).name.endswith(SUFFIX)


def _span_fault(shots: Sequence[Shot], duration: float) -> tuple[int, str] | None:
    """The first fault in how `shots` cover 0 s to `duration`: the shot's index and what is wrong with it."""
    before = 0.0
    for index, shot in enumerate(shots):
        if shot.end > duration + _TOLERANCE_S:
            return index, f"a shot must end within the song's {duration:.2f} s"
        if abs(shot.start - before) > _GAP_S:
            return index, f"the shot must start where the one before ends, at {before:.3f} s"
        before = shot.end
    if not shots or before < duration - _TOLERANCE_S:
        return max(0, len(shots) - 1), f"the shots must reach the song's end at {duration:.3f} s"
    return None


def _parse(path: Path, number: int, line: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UsageError) as error:
        raise _line_error(path, number, str(error)) from error


def _line_error(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{path}, line {number}: {what}: correct it, or make the score anew from its song")


def _relative(song: Path, folder: Path) -> str:
    absolute = song.absolute()
    below = os.path.relpath(absolute, folder.absolute())
    return str(absolute) if below.startswith("..") else below


class ScoreRecorder:
    """Records the shots of a live show as they begin; `save` writes them beside the show's recording.

    Until then they are kept in an unnamed temporary file there, not in memory: a show may last for days.
    """

    def __init__(self, recording: str | Path) -> None:
        self._recording = Path(recording)
        self.path = self._recording.with_suffix(SUFFIX)
        try:
            self._shots = tempfile.TemporaryFile(dir=self._recording.parent)  # noqa: SIM115 - open until `save`
        except OSError as error:
            raise output_error(self.path, error) from error
        self._failed: OSError | None = None

    def add(self, shot: Shot) -> None:
        """Record a shot that begins now; it ends where the next one begins. A write error is raised by `save`."""
        try:
            self._shots.write(msgspec.json.encode(shot) + b"\n")
        except OSError as error:
            self._failed = error

    def save(self, origin: float) -> int:
        """Write the score of the finished recording, which begins at `origin` s of the show; the number of its shots.

        Raises:
            OutputError: it cannot be written, or nothing was recorded.
        """
        import av  # noqa: PLC0415 - a score is read without it

        try:
            with av.open(str(self._recording)) as file:
                sound = file.streams.audio[0]
                duration = float(sound.duration * sound.time_base) if sound.duration and sound.time_base else 0.0
        except (av.FFmpegError, OSError, IndexError) as error:
            raise OutputError(f"no score was written, because {self._recording} cannot be read ({error})") from error
        try:
            shots = self._within(origin, round(duration, 3))
        except OSError as error:
            raise output_error(self.path, error) from error
        if not shots:
            raise OutputError("no score was written, because the show had no shot yet when it ended")
        Score(ScoreHeader.of(self._recording, duration, "", 0), shots).save(self.path)
        return len(shots)

    def _within(self, origin: float, duration: float) -> tuple[Shot, ...]:
        """The shots on the recording's time line, from its beginning to its end, without a gap."""
        if self._failed:
            raise self._failed
        self._shots.seek(0)
        recorded = [msgspec.json.decode(line, type=Shot) for line in self._shots]
        ends = [*(shot.start for shot in recorded), origin + duration][1:]
        within: list[Shot] = []
        for shot, end in zip(recorded, ends, strict=True):
            start = within[-1].end if within else 0.0
            until = round(min(end - origin, duration), 3)
            if until - start > _SHORTEST_S:
                times = tuple(round(time - origin, 3) for time in shot.times)
                within.append(replace(shot, start=start, end=until, times=times))
        if within:
            within[-1] = replace(within[-1], end=duration)
        return tuple(within)

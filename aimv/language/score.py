"""The score: a song's shots as a file that a person can read, edit and replay.

The score of a live show: its shots with their real times, so that `aimv export` makes the show again, better.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import av
import msgspec
from msgspec.structs import replace

from aimv.language.shots import Shot
from engine.colour import hex_of_name
from engine.errors import OutputError, UsageError
from engine.files import output_error, sha256_of, whole_file

SUFFIX = ".score.jsonl"
FORMAT = 1

_T = TypeVar("_T")


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The score's first line: what it is a score of."""

    aimv_score: int
    song: str  # path, relative to the score's folder where the file lies below it
    sha256: str  # of the song's file
    duration: float  # s
    style: str
    seed: int


class Score(msgspec.Struct, frozen=True):
    """A song and its shots, in order, without a gap."""

    head: Head
    shots: tuple[Shot, ...]

    def write(self, path: Path) -> None:
        """Write the score as JSON Lines, whole or not at all; OutputError if it cannot be written."""
        head = msgspec.structs.replace(self.head, song=_relative(Path(self.head.song), path.parent))
        lines = [_line(head), *(_line(shot) for shot in self.shots)]
        with whole_file(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def song(self) -> Path:
        """Where the song lies."""
        return Path(self.head.song)

    def song_is_same(self) -> bool:
        """Whether the song's file is still the one that the score was made of."""
        return self.song.is_file() and sha256_of(self.song) == self.head.sha256


def is_score(path: Path) -> bool:
    """Whether `path` is named like a score."""
    return path.name.endswith(SUFFIX)


def read_score(path: Path) -> Score:
    """Read a score; `song` becomes a path from here.

    Raises UsageError, naming the line, for anything a score cannot have: a missing field, spans that overlap,
    leave a gap or leave the song, a colour that does not exist, a song that is not there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}: check the name") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a score: make it anew with `aimv score`") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UsageError(f"{path} is empty: make it anew with `aimv score`")
    head = _parse(path, *numbered[0], Head)
    if head.aimv_score != FORMAT:
        raise UsageError(f"{path} is a score of format {head.aimv_score}, this AIMV reads {FORMAT}: make it anew")
    shots: list[Shot] = []
    for number, line in numbered[1:]:
        shot = _parse(path, number, line, Shot)
        before = shots[-1].end if shots else 0.0
        if not shot.start < shot.end <= head.duration + 0.05:
            raise _wrong(path, number, f"a shot must end after it starts and within the song's {head.duration:.2f} s")
        if abs(shot.start - before) > 0.002:
            raise _wrong(path, number, f"the shot must start where the one before ends, at {before:.3f} s")
        if not shot.sentence.strip():
            raise _wrong(path, number, "the sentence is empty")
        try:
            hex_of_name(shot.hex)
        except UsageError as error:
            raise _wrong(path, number, str(error)) from error
        shots.append(shot)
    if not shots or shots[-1].end < head.duration - 0.05:
        raise _wrong(path, numbered[-1][0], f"the shots must reach the song's end at {head.duration:.3f} s")
    song = Path(head.song) if Path(head.song).is_absolute() else path.parent / head.song
    if not _is_there(song):
        raise UsageError(f'{path}: its song {str(song)[:300]} is not there: put it back, or correct "song" in line 1')
    return Score(msgspec.structs.replace(head, song=str(song)), tuple(shots))


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long a name
        return False


def head_of(song: Path, duration: float, style: str, seed: int) -> Head:
    """The head of a new score of `song`."""
    return Head(FORMAT, str(song), sha256_of(song), round(duration, 3), style, seed)


def _line(value: Any) -> str:
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def _parse(path: Path, number: int, line: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _wrong(path, number, str(error)) from error


def _wrong(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{path}, line {number}: {what}: correct it, or make the score anew with `aimv score`")


def _relative(song: Path, folder: Path) -> str:
    absolute = song.absolute()
    below = os.path.relpath(absolute, folder.absolute())
    return str(absolute) if below.startswith("..") else below


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

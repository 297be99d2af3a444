"""Cutting a song into shots: spans with one sentence, cut on beats and onsets where what is heard changes.

Cutting a live show into shots: where what is heard changes, a shot begins that says what has just been heard.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from engine.analysis.windows import WindowAnalysis
from engine.audio.features import Onset
from engine.audio.tempo import Tempo

SHORTEST_S, USUAL_S, LONGEST_S = 2.0, 4.0, 6.0  # a video model's clip is six seconds
_BEATS_A_BAR = 4
_WHOLE_SHARE = 0.6  # a window belongs to a shot if this share of it lies inside


def cut_shots(
    heard: Iterable[WindowAnalysis], beats: Sequence[float], onsets: Sequence[Onset], duration: float
) -> Iterator[WindowAnalysis]:
    """Spans of 2 to 6 s that cover the song without a gap, each summed up as one `WindowAnalysis`, as soon as known.

    A cut falls on a beat (on an onset where there is no beat) at which what is heard changes most, bars and a usual
    length of 4 s preferred. Only the windows up to 7 s after a cut need be known for the next.
    """
    windows: list[WindowAnalysis] = []
    coming = iter(heard)
    exhausted = False
    start = 0.0
    while start < duration - 1e-6:
        while not exhausted and (not windows or windows[-1].end < start + LONGEST_S + 1.0):
            window = next(coming, None)
            if window is None:
                exhausted = True
            else:
                windows.append(window)
        end = _next_cut(start, windows, beats, onsets, duration)
        yield merge_windows(windows, start, end)
        windows = [window for window in windows if window.end > end - 1.5]
        start = end


def _next_cut(
    start: float, windows: Sequence[WindowAnalysis], beats: Sequence[float], onsets: Sequence[Onset], duration: float
) -> float:
    if duration - start <= LONGEST_S:
        if duration - start < 2 * SHORTEST_S:
            return duration
        latest = duration - SHORTEST_S
    else:
        latest = start + LONGEST_S
    first, last = bisect.bisect_left(beats, start + SHORTEST_S), bisect.bisect_right(beats, latest)
    candidates = list(beats[first:last])
    if not candidates:
        candidates = [o.time for o in onsets if start + SHORTEST_S <= o.time <= latest]
    if not candidates:
        return duration if duration - start <= LONGEST_S else start + USUAL_S
    origin = bisect.bisect_left(beats, start - 0.05)

    def worth(time: float) -> float:
        since = bisect.bisect_left(beats, time - 0.05) - origin
        bar = 0.25 if beats and since % _BEATS_A_BAR == 0 else 0.0
        return _change(windows, time) + bar - 0.06 * abs(time - start - USUAL_S)

    return max(candidates, key=worth)


def _change(windows: Sequence[WindowAnalysis], time: float) -> float:
    """How much what is heard changes at `time`: the window that ends there against the one that starts there."""
    before = min(windows, key=lambda w: abs(w.end - time), default=None)
    after = min(windows, key=lambda w: abs(w.start - time), default=None)
    if before is None or after is None or before is after:
        return 0.0
    labels = sorted(before.probabilities)
    differ = [abs(before.probabilities[label] - after.probabilities.get(label, 0.0)) for label in labels]
    louder = min(1.0, abs(before.lufs - after.lufs) / 12)
    return float(np.sort(differ)[-3:].sum() if differ else 0.0) / 3 + louder


def merge_windows(windows: Sequence[WindowAnalysis], start: float, end: float) -> WindowAnalysis:
    """What the span from `start` to `end` s holds, from its windows.

    A probability is the mean of the better half of the windows (a crash that opens a shot is in the shot), the
    loudness and the frequency are those of the loudest and the median window, words and beats those that start in it.
    """
    inside = [w for w in windows if min(w.end, end) - max(w.start, start) >= _WHOLE_SHARE * (w.end - w.start)]
    if not inside:
        inside = sorted(windows, key=lambda w: abs((w.start + w.end) - (start + end)))[:1]
    best = max(1, (len(inside) + 1) // 2)
    probabilities = {
        label: float(np.mean(sorted((w.probabilities[label] for w in inside), reverse=True)[:best]))
        for label in inside[0].probabilities
    }
    words = {(word.start, word.text): word for w in windows for word in w.words if start <= word.start < end}
    sung = tuple(words[key] for key in sorted(words))
    sounding = [w for w in inside if w.frequency_hz > 0] or inside
    return WindowAnalysis(
        start=start,
        end=end,
        loud=sum(w.loud for w in inside) * 2 > len(inside),
        lufs=max(w.lufs for w in inside),
        frequency_hz=sorted(sounding, key=lambda w: w.frequency_hz)[len(sounding) // 2].frequency_hz,
        probabilities=probabilities,
        words=sung,
        beats=tuple(sorted({beat for w in windows for beat in w.beats if start <= beat < end})),
    )


_CHANGED = 0.3  # of what is heard: enough to cut on a beat
_WHATEVER_S = 5.0  # after this any beat will do
_HEARD_S, _FRESH_S = 2.2, 1.3  # of the latest windows make a shot's content; the second where they have just changed
_KEPT_S = 12.0


class LiveCutter:
    """Takes windows as they are heard and says where a shot begins and what it holds.

    A shot lasts 2 to 6 s. It is cut on a beat at which what is heard has changed, in any case on a beat after 5 s,
    without a beat after 6 s; or when asked to. The end of its
    `WindowAnalysis` is that of a shot of the usual length: how long it will be is not known.
    """

    def __init__(self, tempo: Tempo) -> None:
        self.hold = False  # no cuts for now
        self._tempo = tempo
        self._windows: list[WindowAnalysis] = []
        self._start: float | None = None
        self._asked = False
        self._until = 0.0  # the end of the last window
        self._said_until = 0.0  # words up to there are in a shot already

    def request_cut(self) -> None:
        """Cut with the next window."""
        self._asked = True

    def push(self, window: WindowAnalysis) -> WindowAnalysis | None:
        """Take in the next window; the shot that begins with it, or just before it ended, if one does."""
        before, self._until = self._until, window.end
        self._windows = [each for each in [*self._windows, window] if each.end > window.end - _KEPT_S]
        cut = self._cut(before, window.end)
        if cut is None:
            return None
        self._asked = False
        self._start = cut
        since = max(0.0, window.end - (_FRESH_S if self._change() >= _CHANGED else _HEARD_S))
        words = tuple(word for each in self._windows if each.end > self._said_until for word in each.words)
        self._said_until = window.end
        content = merge_windows([each for each in self._windows if each.start >= since - 1e-6], since, window.end)
        return msgspec.structs.replace(
            content,
            start=cut,
            end=cut + USUAL_S,
            words=words,
        )

    def _cut(self, before: float, now: float) -> float | None:
        if self._start is None:
            return 0.0
        if self.hold and not self._asked:
            return None
        if self._asked:
            return now
        since = now - self._start
        if since < SHORTEST_S:
            return None
        beats = [beat for beat in self._tempo.beats(before, now) if beat - self._start >= SHORTEST_S]
        if beats and (since >= _WHATEVER_S or self._change() >= _CHANGED):
            return beats[-1]
        return now if since >= LONGEST_S else None

    def _change(self) -> float:
        """How much the last second differs from the one before, about 0 to 2."""
        now = self._windows[-1]
        then = min(self._windows, key=lambda each: abs(each.end - (now.end - 1.0)))
        differ = [abs(now.probabilities[label] - then.probabilities[label]) for label in now.probabilities]
        louder = min(1.0, abs(now.lufs - then.lufs) / 12)
        return float(np.sort(differ)[-3:].sum()) / 3 + louder

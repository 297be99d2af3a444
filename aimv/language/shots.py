"""Where shots are cut and what they hold: one rule for a song whose future is known and for a live input."""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from engine.analysis.windows import WindowAnalysis
from engine.audio.beats import Tempo
from engine.audio.features import Onset
from engine.types import LONGEST_CLIP_S

_INSIDE_SHARE = 0.6  # a window belongs to a shot if this share of it lies inside
_NEAR_S = 0.05  # a time this close to a beat is on it
_KEPT_S = 12.0  # of live windows: all that a shot may draw its words from


class CutRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long shots are and where they are cut.

    A cut falls on a beat at which the sound changes. Of a song every beat of the span from `shortest_s` to `longest_s`
    is scored and the best one is the cut. Live the later beats are not known: the first is the cut at which the sound
    has changed by `live_change`.
    """

    shortest_s: float = 2.0
    usual_s: float = 4.0
    longest_s: float = LONGEST_CLIP_S
    loudness_lu: float = 12.0  # a change of the loudness by so many LU counts as much as one of all labels from 0 to 1
    beats_per_bar: int = 4
    bar_bonus: float = 0.25  # of change: added to the score of a beat that starts a bar
    length_cost: float = 0.06  # of change: subtracted for each second that the shot differs from `usual_s`
    live_change: float = 0.3  # enough to cut on a beat
    live_any_beat_s: float = 5.0  # after this any beat is a cut
    live_content_s: float = 2.2  # of the latest sound are the content of a shot
    live_changed_content_s: float = 1.3  # the same if the sound has just changed

    def change(self, before: WindowAnalysis, after: WindowAnalysis) -> float:
        """How much two windows differ, 0 to 2: the mean of the three labels that differ most, and the loudness."""
        labels = [abs(probability - after.probabilities[label]) for label, probability in before.probabilities.items()]
        return float(np.sort(labels)[-3:].sum()) / 3 + min(1.0, abs(before.lufs - after.lufs) / self.loudness_lu)

    def score(self, change: float, seconds: float, beats: int) -> float:
        """How good a cut is where the sound changes by `change`, `seconds` and `beats` after the cut before."""
        bar = self.bar_bonus if beats % self.beats_per_bar == 0 else 0.0
        return change + bar - self.length_cost * abs(seconds - self.usual_s)


RULE = CutRule()


def cut_shots(
    analyses: Iterable[WindowAnalysis],
    beats: Sequence[float],
    onsets: Sequence[Onset],
    duration: float,
    rule: CutRule = RULE,
) -> Iterator[WindowAnalysis]:
    """Spans that cover the song without a gap, each merged from its windows; yielded as soon as they are known.

    A cut falls on the beat (where there is none, on the onset) with the best `CutRule.score`. Only the windows up to
    1 s after the longest possible shot are read for it. Times in s.
    """
    windows: list[WindowAnalysis] = []
    unread = iter(analyses)
    start = 0.0

    def next_cut() -> float:
        near_end = duration - start <= rule.longest_s
        earliest, latest = start + rule.shortest_s, duration - rule.shortest_s if near_end else start + rule.longest_s
        times = list(beats[bisect.bisect_left(beats, earliest) : bisect.bisect_right(beats, latest)])
        times = times or [onset.time for onset in onsets if earliest <= onset.time <= latest]
        if times:
            return max(times, key=score)
        return duration if near_end else start + rule.usual_s

    def score(time: float) -> float:
        before = min(windows, key=lambda window: abs(window.end - time))
        after = min(windows, key=lambda window: abs(window.start - time))
        passed = bisect.bisect_left(beats, time - _NEAR_S) - bisect.bisect_left(beats, start - _NEAR_S)
        return rule.score(rule.change(before, after), time - start, passed if beats else 1)

    while start < duration - 1e-6:
        while not windows or windows[-1].end < start + rule.longest_s + 1.0:
            if (window := next(unread, None)) is None:
                break
            windows.append(window)
        end = next_cut()
        yield merge_windows(windows, start, end)
        windows = [window for window in windows if window.end > end - 1.5]  # a last shot may begin after them all
        start = end


def merge_windows(windows: Sequence[WindowAnalysis], start: float, end: float) -> WindowAnalysis:
    """The analysis of the span from `start` to `end` s, from that of its windows (one at least).

    A probability is the mean of the better half of the windows (a crash that opens a shot is in the shot), the
    loudness that of the loudest window, the frequency their median; words and beats are those that start in the span.
    """
    inside = [w for w in windows if min(w.end, end) - max(w.start, start) >= _INSIDE_SHARE * (w.end - w.start)]
    if not inside:
        inside = [min(windows, key=lambda w: abs((w.start + w.end) - (start + end)))]
    half = (len(inside) + 1) // 2
    probabilities = {
        label: float(np.mean(sorted((w.probabilities[label] for w in inside), reverse=True)[:half]))
        for label in inside[0].probabilities
    }
    words = {(word.start, word.text): word for w in windows for word in w.words if start <= word.start < end}
    frequencies = sorted(w.frequency_hz for w in inside if w.frequency_hz > 0) or [0.0]
    return WindowAnalysis(
        start=start,
        end=end,
        loud=sum(w.loud for w in inside) * 2 > len(inside),
        lufs=max(w.lufs for w in inside),
        frequency_hz=frequencies[len(frequencies) // 2],
        probabilities=probabilities,
        words=tuple(words[key] for key in sorted(words)),
        beats=tuple(sorted({beat for w in windows for beat in w.beats if start <= beat < end})),
    )


class LiveCutter:
    """Cuts a live input into shots, window by window.

    A shot is cut on a beat at which the sound has changed, or else on any beat or without one once it is long enough
    (`CutRule`), or with the next window after `request_cut`. While `hold` is set, only on request.
    """

    def __init__(self, tempo: Tempo, rule: CutRule = RULE) -> None:
        self.hold = False
        self._tempo = tempo
        self._rule = rule
        self._windows: list[WindowAnalysis] = []
        self._start: float | None = None  # of the present shot
        self._words_until = 0.0  # end of the last window whose words are in a shot
        self._requested = False

    def request_cut(self) -> None:
        """Cut with the next window."""
        self._requested = True

    def push(self, window: WindowAnalysis) -> WindowAnalysis | None:
        """Take the next window. Returns the shot that begins at its end or at a beat inside it, if one does.

        The shot's content is the sound up to now; it ends after the usual length, for its real one is not known yet.
        """
        before = self._windows[-1].end if self._windows else 0.0
        self._windows = [each for each in [*self._windows, window] if each.end > window.end - _KEPT_S]
        # The second that has just ended against the one before it.
        earlier = min(self._windows, key=lambda each: abs(each.end - (window.end - 1.0)))
        changed = self._rule.change(window, earlier) >= self._rule.live_change
        cut = self._cut(before, window.end, changed)
        if cut is None:
            return None
        content_s = self._rule.live_changed_content_s if changed else self._rule.live_content_s
        since = max(0.0, window.end - content_s)
        content = merge_windows([each for each in self._windows if each.start >= since - 1e-6], since, window.end)
        words = tuple(word for each in self._windows if each.end > self._words_until for word in each.words)
        self._start, self._words_until, self._requested = cut, window.end, False
        return msgspec.structs.replace(content, start=cut, end=cut + self._rule.usual_s, words=words)

    def _cut(self, before: float, now: float, changed: bool) -> float | None:
        """Where between the ends of the last two windows a shot begins, if one does."""
        if self._start is None:
            return 0.0
        if self._requested:
            return now
        if self.hold:
            return None
        since = now - self._start
        beats = [beat for beat in self._tempo.beats(before, now) if beat - self._start >= self._rule.shortest_s]
        if beats and (changed or since >= self._rule.live_any_beat_s):
            return beats[-1]
        return now if since >= self._rule.longest_s else None

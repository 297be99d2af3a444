"""AIMV from Python, cell by cell: open this file as a notebook (VS Code, Spyder, Jupytext), or run it whole.

The output goes to the current folder.
"""

# %% What is heard, one row a second
from pathlib import Path

import aimv

song = Path(__file__).parent / "heart.wav"
for row in aimv.listen(song):
    print(f"{row.analysis.start:5.1f} s  {row.analysis.lufs:6.1f} LUFS  {row.content.colour:12} {row.sentence}")

# %% From an array, by models that stay loaded
import soundfile  # noqa: E402

analyzer = aimv.Analyzer(language="en")
samples, rate = soundfile.read(song)  # floats [n, channels]
chorus = samples[round(4.3 * rate) : round(8.3 * rate)]
for row in analyzer(chorus, rate, hop=0.5):
    print(row.analysis.start, row.instruments.names, [word.text for word in row.analysis.words])

# %% As a live input: a row is given once its words are final
for row in analyzer(chorus, rate, live=True):
    print(row.analysis.start, row.sentence)

# %% The score: the shots of the video, to read and to edit
score = analyzer.score(song, aimv.Settings(style="ink on paper", seed=7))
score.save("heart.score.jsonl")
print(len(score.shots), "shots; the first:", score.shots[0].sentence)

# %% Videos, by render processes that are started once
with aimv.Renderer(analyzer=analyzer) as renderer:
    print(renderer.selection.reason)
    settings = aimv.Settings(size="320x180")
    renderer.export(score, "heart.mp4", settings, duration=4.0)
    renderer.export(song, "heart-chorus.mp4", settings, start=4.3, duration=4.0)

# %% What cannot be done is one line
try:
    aimv.export(score, "heart.mp4", aimv.Settings(style="oil"))
except aimv.AimvError as error:
    print(error)

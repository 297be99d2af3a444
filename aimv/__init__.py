"""AIMV listens to a song and makes its music video.

    import aimv

    for row in aimv.listen("song.wav"):                 # what is heard, second by second
        print(row.heard.start, row.sentence)
    aimv.score("song.wav").write(Path("song.score.jsonl"))  # the shots, to read and edit
    aimv.export("song.wav", "song.mp4", aimv.Settings(width=640, height=360))

Each raises a subclass of `aimv.AimvError` whose text is one line for a person.
"""

from aimv.grammar import Content, sentence
from aimv.listening import Row, listen
from aimv.scorefile import Score, read_score
from aimv.shots import Shot
from aimv.show import Settings, export, play, score
from engine.errors import AimvError

__all__ = [
    "AimvError",
    "Content",
    "Row",
    "Score",
    "Settings",
    "Shot",
    "export",
    "listen",
    "play",
    "read_score",
    "score",
    "sentence",
]
__version__ = "0.1.0"

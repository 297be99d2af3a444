"""AIMV listens to a song and makes its music video.

    import aimv

    for row in aimv.listen("song.wav"):                 # what is heard, second by second
        print(row.analysis.start, row.sentence)
    aimv.score("song.wav").save("song.score.jsonl")  # the shots, to read and edit
    aimv.export("song.wav", "song.mp4", aimv.Settings(size="640x360"))

Each raises a subclass of `aimv.AimvError` whose text is one line for a person.
"""

TYPE_CHECKING = False  # as of `typing`, which takes a while to import: a stop should be heard soon
if TYPE_CHECKING:
    from aimv.app.export import Renderer, export, play
    from aimv.app.listen import Analyzer, Row, listen, score
    from aimv.language.score import Score, Shot
    from aimv.language.sentence import Content, sentence
    from aimv.options import Settings
    from engine.errors import AimvError
    from engine.render.queue import WorkerEvent

_HOMES = {
    "AimvError": "engine.errors",
    "Analyzer": "aimv.app.listen",
    "Content": "aimv.language.sentence",
    "Renderer": "aimv.app.export",
    "Row": "aimv.app.listen",
    "Score": "aimv.language.score",
    "Settings": "aimv.options",
    "Shot": "aimv.language.score",
    "WorkerEvent": "engine.render.queue",
    "export": "aimv.app.export",
    "listen": "aimv.app.listen",
    "play": "aimv.app.export",
    "score": "aimv.app.listen",
    "sentence": "aimv.language.sentence",
}

__all__ = [
    "AimvError",
    "Analyzer",
    "Content",
    "Renderer",
    "Row",
    "Score",
    "Settings",
    "Shot",
    "WorkerEvent",
    "export",
    "listen",
    "play",
    "score",
    "sentence",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that the command hears a stop from its first moment."""
    if name not in _HOMES:
        raise AttributeError(f"module 'aimv' has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(_HOMES[name]), name)

"""AIMV listens to a song and makes its music video.

    import aimv

    for row in aimv.listen("song.wav"):  # each second: what is heard, and the sentence that states it
        print(row.analysis.start, row.sentence)
    score = aimv.score("song.wav")  # the shots, to read and edit
    score.save("song.score.jsonl")
    aimv.export(score, "song.mp4", aimv.Settings(size="640x360"))

    # Many songs by models and render processes that are loaded once:
    with aimv.Analyzer(language="en") as analyzer, aimv.Renderer(analyzer=analyzer) as renderer:
        for song in ("one", "two"):
            renderer.export(f"{song}.wav", f"{song}.mp4", aimv.Settings(size="640x360"))

What cannot be done raises a subclass of `aimv.AimvError` whose text is one line for a person. Importing `aimv`
loads no other module: each name is imported at its first use. `__init__.pyi` declares the names for type checkers.
"""

_MODULES = {
    "aimv.app.export": "Renderer export play",
    "aimv.app.listen": "Analyzer Row listen score",
    "aimv.app.show": "ShowConfig",
    "aimv.language.content": "Content InstrumentChoice",
    "aimv.language.score": "Score ScoreHeader Shot",
    "aimv.language.sentence": "sentence",
    "aimv.options": "AnalysisSettings ScoreSettings Settings ShowSettings",
    "engine.analysis.transcription.types": "Word",
    "engine.analysis.windows": "WindowAnalysis",
    "engine.errors": "AimvError DeviceError MediaError MissingExtra ModelError OutputError RenderError UsageError",
    "engine.generators.base": "FrameStream Generator GeneratorSpec Level ModelInfo",
    "engine.generators.registry": "Selection",
    "engine.pipeline": "ShowResult",
    "engine.playback.player": "FrameStats",
    "engine.render.auth": "KeyPair",
    "engine.render.protocol": "Job",
    "engine.render.pool": "PoolConfig",
    "engine.render.queue": "WorkerEvent",
    "engine.render.transport": "RemoteWorker",
    "engine.types": "Frame Progress",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = list(_MODULE_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import a name at its first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'aimv' has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(_MODULE_OF[name]), name)

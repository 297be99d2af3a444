"""The public names, for type checkers; `__init__.py` imports them lazily."""
# ruff: noqa: I001

from aimv.app.export import Renderer as Renderer, export as export, play as play
from aimv.app.listen import Analyzer as Analyzer, Row as Row, listen as listen, score as score
from aimv.app.show import ShowConfig as ShowConfig
from aimv.language.content import Content as Content, InstrumentChoice as InstrumentChoice
from aimv.language.score import Score as Score, ScoreHeader as ScoreHeader, Shot as Shot
from aimv.language.sentence import sentence as sentence
from aimv.options import (
    AnalysisSettings as AnalysisSettings,
    ScoreSettings as ScoreSettings,
    Settings as Settings,
    ShowSettings as ShowSettings,
)
from engine.analysis.transcription.types import Word as Word
from engine.analysis.windows import WindowAnalysis as WindowAnalysis
from engine.errors import (
    AimvError as AimvError,
    DeviceError as DeviceError,
    MediaError as MediaError,
    MissingExtra as MissingExtra,
    ModelError as ModelError,
    OutputError as OutputError,
    RenderError as RenderError,
    UsageError as UsageError,
)
from engine.generators.base import (
    FrameStream as FrameStream,
    Generator as Generator,
    GeneratorSpec as GeneratorSpec,
    Level as Level,
    ModelInfo as ModelInfo,
)
from engine.generators.registry import Selection as Selection
from engine.pipeline import ShowResult as ShowResult
from engine.playback.player import FrameStats as FrameStats
from engine.render.auth import KeyPair as KeyPair
from engine.render.protocol import Job as Job
from engine.render.pool import PoolConfig as PoolConfig
from engine.render.queue import WorkerEvent as WorkerEvent
from engine.render.transport import RemoteWorker as RemoteWorker
from engine.types import Frame as Frame, Progress as Progress

__version__: str

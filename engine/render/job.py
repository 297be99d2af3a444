"""Job: everything that one clip depends on; and Clip: where the finished clip is."""

import hashlib
from pathlib import Path

import msgspec

MAX_WORKERS = 16  # render processes on one host
CLIP_FORMAT = 1  # raise when the same job would give other frames, so that cached clips are not reused


class Job(msgspec.Struct, frozen=True, tag="job"):
    """One clip to render: everything the result depends on and nothing else.

    The generator chooses the clip's own size and frame rate near the wanted ones (a video model has its own);
    the compositor maps the clip onto its shot from first frame to last.
    """

    generator: str  # its name in the registry
    model: str  # hub id or folder, or what else the generator's `find_model` gave
    prompt: str  # the sentence, with the show's style
    keywords: tuple[str, ...]  # picturable words, most important first
    palette: tuple[str, ...]  # "#rrggbb", the named colour first, its harmony after it
    seed: int
    width: int  # pixels, wanted
    height: int
    fps: float  # frames per second, wanted
    seconds: float  # length, > 0
    preset: str = ""  # how much work the generator spends, by its own name for it; "" for its default
    background: tuple[str, ...] = ()  # words for what is behind, for generators that compose the picture of parts
    init_image: bytes = msgspec.field(default=b"", name="first")  # JPEG to start from; continues another clip

    @property
    def id(self) -> str:
        """Content address: equal jobs have equal ids, on every machine (hex, 32 characters)."""
        exact = msgspec.structs.replace(self, fps=float(self.fps), seconds=float(self.seconds))  # 8 is 8.0
        data = msgspec.json.encode((CLIP_FORMAT, exact), order="deterministic")
        return hashlib.sha256(data).hexdigest()[:32]


class Clip(msgspec.Struct, frozen=True, tag="clip"):
    """A finished clip in the clip cache."""

    job_id: str
    path: Path

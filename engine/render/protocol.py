"""Render protocol: jobs, clips, and the messages between the engine (ROUTER) and its render processes (DEALER).

One message is one ZeroMQ frame of MessagePack, a tagged struct of the list below, at most `MAX_MESSAGE_BYTES` long:

    worker                          engine
           <---------------- ServiceRequest  to a worker on another host: the version, generator and model wanted
    Hello  ------------------------>         process id, version, generator, model, and whether it is busy
    Ready  ------------------------>         the generator is loaded
           <---------------- Assign          one job; no second one before the first is in its final stage
    Ack    ------------------------>         the job was received
    Progress, Heartbeat ----------->         Heartbeat lists the jobs in work, so a lost message shows
    Finishing --------------------->         the job is in its final stage; the worker can start the next one
    Done | Failed | CancelAck ----->         the job has ended, in one of three ways
           <---------------- Cancel          cancel the job
           <---------------- Stop            finish and exit

A worker starts one job at a time and finishes one at a time, so it has two at most. One on another host serves one
engine at a time, the first that requests it, and tells others that it is busy. Deadlines are the engine's: the most
urgent job is assigned first, and one that is superseded is cancelled.

A clip is not sent between processes of one host: its address is the job's id in their clip cache. A worker on another
host sends it before Done, as Chunks in order.
"""

import hashlib
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from engine.errors import AimvError, ModelError, OutputError, ProtocolError, RenderError, UsageError

VERSION = 4
MAX_WORKERS = 16  # render processes on one host
CLIP_FORMAT = 1  # raise when the same job would give other frames, so that cached clips are not reused
MAX_MESSAGE_BYTES = 1 << 20
CHUNK_BYTES = MAX_MESSAGE_BYTES // 2
MAX_CLIP_BYTES = 1 << 28
FOLDER_PREFIX = "aimv-render-"  # of the folder, mode 0700, that holds an engine's ipc:// socket
HEARTBEAT_SECONDS = 0.5  # between two heartbeats of a worker

ErrorKind = Literal["render", "model", "output", "usage"]
_ERRORS: dict[ErrorKind, type[AimvError]] = {
    "usage": UsageError,
    "model": ModelError,
    "output": OutputError,
    "render": RenderError,
}


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


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message of a worker; the engine refuses any version but its own."""

    version: int
    pid: int
    generator: str
    model: str
    busy: bool = False  # serving another engine

    def refusal(self, request: "ServiceRequest") -> str:
        """Why the worker cannot serve that request; "" if it can."""
        if self.version != request.version:
            return "it is another version of AIMV"
        if (self.generator, self.model) != (request.generator, request.model):
            return f"it renders {self.generator} {self.model}, not {request.generator} {request.model}"
        if self.busy:
            return "it is serving another engine"
        return ""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker's generator is loaded; it accepts jobs."""


class Assign(msgspec.Struct, frozen=True, tag="assign"):
    """Render this job."""

    job: Job


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """The job was received."""

    job_id: str


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """The finished share of the job, 0 to 1."""

    job_id: str
    share: float


class Finishing(msgspec.Struct, frozen=True, tag="finishing"):
    """The job has entered its final stage, during which the worker can start another."""

    job_id: str


class Chunk(msgspec.Struct, frozen=True, tag="chunk"):
    """Bytes of the clip from `offset` on."""

    job_id: str
    offset: int
    data: bytes


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The clip is complete after `elapsed` seconds: in the cache or, from another host, sent, `sent` bytes long."""

    job_id: str
    elapsed: float
    sent: int = 0


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The job cannot be rendered, or, without a job id, no job can: the generator could not be loaded."""

    job_id: str
    kind: ErrorKind
    reason: str  # one line for a person

    def error(self) -> AimvError:
        """The exception that the engine raises for this failure."""
        return _ERRORS[self.kind](self.reason)


class CancelAck(msgspec.Struct, frozen=True, tag="cancel_ack"):
    """The job was cancelled and nothing of it is left."""

    job_id: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Cancel this job if the worker has it."""

    job_id: str


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The worker is alive and has these jobs, in the order in which it started them."""

    job_ids: tuple[str, ...]


class ServiceRequest(msgspec.Struct, frozen=True, tag="service_request"):
    """An engine of this version requests clips of this generator and model, and a Hello."""

    version: int
    generator: str
    model: str


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Finish and exit."""


Message: TypeAlias = (
    Hello
    | Ready
    | Assign
    | Ack
    | Progress
    | Finishing
    | Chunk
    | Done
    | Failed
    | CancelAck
    | Cancel
    | Heartbeat
    | ServiceRequest
    | Stop
)

_decoder = msgspec.msgpack.Decoder(Message)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """`message` as the bytes of one frame.

    Raises:
        ProtocolError: it would be longer than the other side accepts.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a render message of {len(data)} bytes is longer than {MAX_MESSAGE_BYTES}")
    return data


def decode(data: bytes) -> Message:
    """The message in one frame.

    Raises:
        ProtocolError: the bytes are too many or are no message of this protocol, whatever they are.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a render message of {len(data)} bytes is longer than {MAX_MESSAGE_BYTES}")
    try:
        message: Message = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ProtocolError(f"not a render message: {error}") from error
    return message


def error_kind(error: AimvError) -> ErrorKind:
    """The name of an error in the protocol."""
    return next((kind for kind, cls in _ERRORS.items() if isinstance(error, cls)), "render")

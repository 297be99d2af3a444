"""The render protocol: what the engine (ROUTER) and a render process (DEALER) say to each other over ZeroMQ.

One message is one frame of MessagePack, a tagged struct of the list below, at most `MAX_MESSAGE_BYTES` long.
A conversation:

    worker                          engine
           <------------------------ ServiceRequest   to a worker on another host: what the engine wants rendered
    Hello  ------------------------>          "I am process P, speak version N, make such clips, and am taken or not"
    Ready  ------------------------>          the generator is loaded
           <------------------------ Assign     one job; never a second one before the first is in its last stage
    Ack    ------------------------>          the job has arrived
    Progress, Heartbeat ----------->          Heartbeat lists the jobs in work, so a lost message shows
    Finishing --------------------->          the job is in its last stage; the worker can begin the next one beside it
    Done | Failed | CancelAck ------>         the job has ended, in one of three ways
           <------------------------ Cancel   withdraw the job
           <------------------------ Stop     finish

A worker begins one job at a time and finishes one at a time, so it has two at most. One on another host serves one
engine at a time, the first that asks, and says to others that it is taken. Deadlines are the engine's: what is due
first is given out first, and what is superseded is withdrawn.

A clip does not travel between processes of one host: its address is the job's id in their clip cache. A worker on
another host sends it before Done, as Pieces in order.
"""

from typing import Literal, TypeAlias

import msgspec

from engine.errors import AimvError, ModelError, OutputError, ProtocolError, RenderError, UsageError
from engine.render.job import Job

VERSION = 3
MAX_MESSAGE_BYTES = 1 << 20
CHUNK_BYTES = MAX_MESSAGE_BYTES // 2
MAX_CLIP_BYTES = 1 << 28
FOLDER_PREFIX = "aimv-render-"  # of the folder, mode 0700, that holds an engine's ipc:// socket
HEARTBEAT_SECONDS = 0.5  # between two heartbeats of a worker

Kind = Literal["render", "model", "output", "usage"]
_ERRORS: dict[Kind, type[AimvError]] = {
    "usage": UsageError,
    "model": ModelError,
    "output": OutputError,
    "render": RenderError,
}


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A worker introduces itself; anything but the engine's own version is refused."""

    version: int
    pid: int
    generator: str
    model: str
    taken: bool = False  # by another engine

    def refusal(self, request: "ServiceRequest") -> str:
        """Why the worker cannot render for the engine that asks; "" if it can."""
        if self.version != request.version:
            return "it is another version of AIMV"
        if (self.generator, self.model) != (request.generator, request.model):
            return f"it renders {self.generator} {self.model}, not {request.generator} {request.model}"
        if self.taken:
            return "it is serving another engine"
        return ""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker's generator is loaded; it takes jobs."""


class Assign(msgspec.Struct, frozen=True, tag="work"):
    """Render this."""

    job: Job


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """The job has arrived."""

    job_id: str


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """The finished share of the job, 0 to 1."""

    job_id: str
    share: float


class Finishing(msgspec.Struct, frozen=True, tag="finishing"):
    """The job has entered its last stage, beside which the worker can begin another."""

    job_id: str


class Chunk(msgspec.Struct, frozen=True, tag="piece"):
    """Bytes of the clip from `offset` on."""

    job_id: str
    offset: int
    data: bytes


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The clip is whole; it took `elapsed` seconds. It is in the cache, or, from another host, sent: `sent` bytes."""

    job_id: str
    elapsed: float
    sent: int = 0


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The job cannot be rendered, or, without a job id, no job can: the generator could not be loaded."""

    job_id: str
    kind: Kind
    reason: str  # one line for a person

    def error(self) -> AimvError:
        """The failure as the exception that the engine raises for it."""
        return _ERRORS[self.kind](self.reason)


class CancelAck(msgspec.Struct, frozen=True, tag="withdrawn"):
    """The job was cancelled and nothing of it remains."""

    job_id: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Withdraw this job if the worker has it."""

    job_id: str


class Heartbeat(msgspec.Struct, frozen=True, tag="beat"):
    """The worker is alive, and busy with these jobs, the one begun first first."""

    job_ids: tuple[str, ...]


class ServiceRequest(msgspec.Struct, frozen=True, tag="who"):
    """An engine that speaks this version and wants this rendered asks for a Hello, and for service."""

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


def error_kind(error: AimvError) -> Kind:
    """How a failure is called on the wire."""
    for kind, cls in _ERRORS.items():
        if isinstance(error, cls):
            return kind
    return "render"

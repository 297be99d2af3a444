"""A clip that comes in pieces from a worker on another host, on its way into the store."""

from contextlib import ExitStack

from engine.errors import ProtocolError
from engine.render.protocol import MAX_CLIP_BYTES, Piece
from engine.render.store import ClipStore


class Incoming:
    """Takes the pieces of the clip of `job_id` in order; it is in the store only after `finish`.

    Raises:
        OSError: no room, or no permission.
    """

    def __init__(self, store: ClipStore, job_id: str) -> None:
        self.job_id = job_id
        self._received = 0
        self._stack = ExitStack()
        part = self._stack.enter_context(store.writing(job_id))
        self._file = self._stack.enter_context(part.open("wb"))

    def take(self, piece: Piece) -> None:
        """Append one piece.

        Raises:
            ProtocolError: it is not the next one, or the clip grows too long.
        """
        if piece.offset != self._received or self._received + len(piece.data) > MAX_CLIP_BYTES:
            raise ProtocolError(f"piece at {piece.offset} of a clip of which {self._received} bytes have come")
        self._file.write(piece.data)
        self._received += len(piece.data)

    def finish(self, size: int) -> None:
        """Put the clip, `size` bytes long, into the store.

        Raises:
            ProtocolError: pieces are missing; nothing is left of the clip.
        """
        if size != self._received:
            self.abandon()
            raise ProtocolError(f"{self._received} of {size} bytes of a clip have come")
        self._stack.close()

    def abandon(self) -> None:
        """Leave nothing of the clip."""
        error = ProtocolError("abandoned")
        self._stack.__exit__(ProtocolError, error, None)

"""Clips that go on from one another: an image-to-video model begins a clip with the last picture of the one before.

Such chains are kept to three clips, since each loses a little of the picture; then a clip begins anew, and the
crossfade hides the seam.
"""

import functools
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np

from engine.errors import RenderError
from engine.messages import Job

LONGEST_CHAIN = 3
_QUALITY = 90  # of the JPEG: a picture of 1360x768 stays well within a message


def continues_before(number: int) -> bool:
    """Whether clip `number` of a show, counted from 0, goes on from the one before."""
    return number % LONGEST_CHAIN != 0


def continued(job: Job, before: Path) -> Job:
    """The job, begun with the last picture of the clip in the file `before`.

    Raises:
        RenderError: that clip cannot be read.
    """
    return msgspec.structs.replace(job, first=last_picture(before))


@functools.lru_cache(maxsize=8)
def last_picture(path: Path) -> bytes:
    """The last picture of a clip as JPEG.

    Raises:
        RenderError: the clip cannot be read.
    """
    last: av.VideoFrame | None = None
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.duration:
                container.seek(stream.duration, stream=stream)  # to the last key frame
            for frame in container.decode(stream):
                last = frame
    except (av.FFmpegError, OSError, IndexError) as error:
        raise RenderError(f"{path.name}: cannot be read as a clip: {error}") from None
    if last is None:
        raise RenderError(f"{path.name}: a clip without frames")
    picture = np.asarray(last.to_ndarray(format="bgr24"), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])

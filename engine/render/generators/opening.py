"""The picture that a clip of an image-to-video model begins with."""

import cv2
import numpy as np

from engine.errors import RenderError
from engine.messages import Job
from engine.render.generators import images
from engine.render.generators.base import Frame


def opening(job: Job, width: int, height: int) -> Frame:
    """The job's own first picture, or clouds in its palette's colours; height x width x 3, RGB.

    It is scaled to fill the size; what is over on two sides is cut off.

    Raises:
        RenderError: the picture cannot be read.
    """
    if job.first:
        coded = cv2.imdecode(np.frombuffer(job.first, np.uint8), cv2.IMREAD_COLOR)
        if coded is None:
            raise RenderError("the picture that a clip should begin with cannot be read")
        picture = np.asarray(cv2.cvtColor(coded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    else:
        picture = images.of_input("opening", "image", job)[::-1]
    high, wide = picture.shape[:2]
    scale = max(width / wide, height / high)
    part_w, part_h = min(wide, round(width / scale)), min(high, round(height / scale))
    x, y = (wide - part_w) // 2, (high - part_h) // 2
    part = picture[y : y + part_h, x : x + part_w]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)

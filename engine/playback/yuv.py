"""Pictures as I420, a plane of luma and two of chroma at half the size: what decoders give and encoders take.

Half the bytes of RGB, and most of what the music does to a picture it does to the luma alone. Limited range (luma 16 to
235, chroma around 128) after BT.601, as in OpenCV.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.types import Frame, Planes

BLACK_LUMA, NEUTRAL_CHROMA = 16, 128

_BT601, _BT709 = (0.299, 0.114), (0.2126, 0.0722)  # shares of red and blue in luma


class Channels(NamedTuple):
    """The planes of a picture, each an array of its own or a view; chroma at half the size of luma."""

    luma: NDArray[np.uint8]
    cb: NDArray[np.uint8]
    cr: NDArray[np.uint8]


def allocate(width: int, height: int) -> Planes:
    """An uninitialised picture; both sides even."""
    return np.empty((height * 3 // 2, width), np.uint8)


def split(planes: Planes) -> Channels:
    """Views of the three planes."""
    width, height = size_of(planes)
    flat, chroma = planes.reshape(-1)[height * width :], (height // 2, width // 2)
    quarter = height * width // 4
    return Channels(planes[:height], flat[:quarter].reshape(chroma), flat[quarter:].reshape(chroma))


def size_of(planes: Planes) -> tuple[int, int]:
    """Width and height of the picture."""
    return planes.shape[1], planes.shape[0] * 2 // 3


def from_rgb(frame: Frame) -> Planes:
    """The planes of an RGB picture with even sides."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def to_rgb(planes: Planes) -> Frame:
    """The RGB picture, a new array."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def crop(planes: Planes, width: int, height: int) -> Channels:
    """The middle of the picture, in the aspect ratio of `width` x `height` and no larger."""
    whole = split(planes)
    high, wide = whole.luma.shape
    scale = max(width / wide, height / high)
    part_w, part_h = (min(full, max(2, round(side / scale / 2) * 2)) for full, side in ((wide, width), (high, height)))
    x, y = (wide - part_w) // 4, (high - part_h) // 4  # in chroma pixels

    def cropped(plane: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
        part = plane[y * step : y * step + part_h * step // 2, x * step : x * step + part_w * step // 2]
        if scale >= 1.0:
            return part
        smaller = cv2.resize(part, (width * step // 2, height * step // 2), interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, dtype=np.uint8)

    return Channels(cropped(whole.luma, 2), cropped(whole.cb, 1), cropped(whole.cr, 1))


def resize(picture: Channels, width: int, height: int) -> Planes:
    """The picture enlarged, or copied, to `width` x `height`; a new array."""
    planes = allocate(width, height)
    for plane, into in zip(picture, split(planes), strict=True):
        if plane.shape == into.shape:
            np.copyto(into, plane)
        else:
            method = cv2.INTER_CUBIC if into.shape[1] == width else cv2.INTER_LINEAR
            cv2.resize(plane, into.shape[::-1], into, interpolation=method)
    return planes


def to_bt709(planes: Planes) -> Planes:
    """The same picture after BT.709, for video of high definition; a new array."""
    old = split(planes)
    converted = np.empty_like(planes)
    new = split(converted)
    (_, luma_cb, luma_cr), (_, cb_cb, cb_cr), (_, cr_cb, cr_cr) = _TO_BT709
    cv2.addWeighted(old.cb, cb_cb, old.cr, cb_cr, NEUTRAL_CHROMA * (1.0 - cb_cb - cb_cr), new.cb)
    cv2.addWeighted(old.cb, cr_cb, old.cr, cr_cr, NEUTRAL_CHROMA * (1.0 - cr_cb - cr_cr), new.cr)
    change = cv2.addWeighted(old.cb, luma_cb, old.cr, luma_cr, NEUTRAL_CHROMA * (1.0 - luma_cb - luma_cr))
    change = cv2.resize(change, old.luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.addWeighted(old.luma, 1.0, change, 1.0, -NEUTRAL_CHROMA, new.luma)
    return converted


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """The matrix to luma and chroma, for the shares of red and blue in luma; limited range."""
    luma = np.array([red, 1.0 - red - blue, blue])
    chroma = [(np.eye(3)[2] - luma) / (2.0 - 2.0 * blue), (np.eye(3)[0] - luma) / (2.0 - 2.0 * red)]
    return np.array([219.0 * luma, 224.0 * chroma[0], 224.0 * chroma[1]])


_TO_BT709 = (_from_rgb(*_BT709) @ np.linalg.inv(_from_rgb(*_BT601))).tolist()

"""A picture as decoders give it and encoders take it: I420, a plane of light and two of colour at half the size.

Half the bytes of RGB, and most of what the music does to a picture it does to the light alone. Light is 16 to 235, the
differences of colour lie around 128, both after BT.601, as OpenCV has them.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.types import Frame, Planes

DARKEST, GREY = 16, 128  # light of black; colour of grey

_BT601, _BT709 = (0.299, 0.114), (0.2126, 0.0722)  # shares of red and blue in light


class Parts(NamedTuple):
    """The planes of a picture, each an array of its own or a view; colour at half the size of light."""

    light: NDArray[np.uint8]
    blue: NDArray[np.uint8]
    red: NDArray[np.uint8]


def empty(width: int, height: int) -> Planes:
    """Room for a picture; both sides even."""
    return np.empty((height * 3 // 2, width), np.uint8)


def parts(planes: Planes) -> Parts:
    """Views of the three planes."""
    width, height = size_of(planes)
    flat, colour = planes.reshape(-1)[height * width :], (height // 2, width // 2)
    quarter = height * width // 4
    return Parts(planes[:height], flat[:quarter].reshape(colour), flat[quarter:].reshape(colour))


def size_of(planes: Planes) -> tuple[int, int]:
    """Width and height of the picture."""
    return planes.shape[1], planes.shape[0] * 2 // 3


def of_rgb(frame: Frame) -> Planes:
    """The planes of an RGB picture with even sides."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def rgb(planes: Planes) -> Frame:
    """The RGB picture, a new array."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def cropped(planes: Planes, width: int, height: int) -> Parts:
    """The middle of the picture, of the shape of `width` x `height` and no larger."""
    whole = parts(planes)
    high, wide = whole.light.shape
    scale = max(width / wide, height / high)
    part_w, part_h = (min(full, max(2, round(side / scale / 2) * 2)) for full, side in ((wide, width), (high, height)))
    x, y = (wide - part_w) // 4, (high - part_h) // 4  # in pixels of colour

    def cut(plane: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
        kept = plane[y * step : y * step + part_h * step // 2, x * step : x * step + part_w * step // 2]
        return _resized(kept, width * step // 2, height * step // 2, cv2.INTER_AREA) if scale < 1.0 else kept

    return Parts(cut(whole.light, 2), cut(whole.blue, 1), cut(whole.red, 1))


def scaled(picture: Parts, width: int, height: int) -> Planes:
    """The picture drawn larger, or copied, to `width` x `height`; a new array."""
    planes = empty(width, height)
    for plane, into in zip(picture, parts(planes), strict=True):
        if plane.shape == into.shape:
            np.copyto(into, plane)
        else:
            method = cv2.INTER_CUBIC if into.shape[1] == width else cv2.INTER_LINEAR
            cv2.resize(plane, into.shape[::-1], into, interpolation=method)
    return planes


def _resized(plane: NDArray[np.uint8], width: int, height: int, method: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=method), dtype=np.uint8)


def bt709(planes: Planes) -> Planes:
    """The same picture after BT.709, as a video of high definition is to be; a new array."""
    seen = parts(planes)
    converted = np.empty_like(planes)
    made = parts(converted)
    (_, light_b, light_r), (_, blue_b, blue_r), (_, red_b, red_r) = _TO_BT709
    cv2.addWeighted(seen.blue, blue_b, seen.red, blue_r, GREY * (1.0 - blue_b - blue_r), made.blue)
    cv2.addWeighted(seen.blue, red_b, seen.red, red_r, GREY * (1.0 - red_b - red_r), made.red)
    more = cv2.addWeighted(seen.blue, light_b, seen.red, light_r, GREY * (1.0 - light_b - light_r))
    whole = cv2.resize(more, seen.light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.addWeighted(seen.light, 1.0, whole, 1.0, -GREY, made.light)
    return converted


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """The matrix to light and differences of colour, for the shares of red and blue in light; limited range."""
    light = np.array([red, 1.0 - red - blue, blue])
    differences = [(np.eye(3)[2] - light) / (2.0 - 2.0 * blue), (np.eye(3)[0] - light) / (2.0 - 2.0 * red)]
    return np.array([219.0 * light, 224.0 * differences[0], 224.0 * differences[1]])


_TO_BT709 = (_from_rgb(*_BT709) @ np.linalg.inv(_from_rgb(*_BT601))).tolist()

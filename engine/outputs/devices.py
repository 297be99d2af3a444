"""Outputs that other programs take for a camera: the system's virtual camera, and NDI."""

import importlib
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import MissingExtra, OutputError
from engine.types import Frame


class VirtualCamera:
    """The system's virtual camera, by pyvirtualcam: v4l2loopback on Linux, OBS's on Windows and macOS."""

    name = "camera"

    def __init__(self, width: int, height: int, fps: float) -> None:
        """Open it.

        Raises:
            MissingExtra: pyvirtualcam is not installed.
            OutputError: the system has no virtual camera.
        """
        try:
            library = importlib.import_module("pyvirtualcam")
        except ImportError:
            raise MissingExtra("the virtual camera", "camera") from None
        try:
            self._camera: Any = library.Camera(width=width, height=height, fps=fps)
        except RuntimeError:
            raise OutputError(
                "there is no virtual camera: on Linux `sudo modprobe v4l2loopback`, elsewhere install OBS"
            ) from None

    def picture(self, frame: Frame, t: float) -> None:
        """Show it to whoever looks."""
        try:
            self._camera.send(frame)
        except RuntimeError as error:
            raise OutputError(f"the virtual camera is gone ({str(error).splitlines()[0]})") from None

    def sound(self, samples: NDArray[np.float32], start: int) -> None:
        """A camera has no sound."""

    def close(self) -> None:
        """Let the camera go."""
        self._camera.close()

    def give_up(self) -> None:
        """Let the camera go."""
        self._camera.close()


class Ndi:
    """An NDI source called "aimv", by cyndilib."""

    name = "ndi"

    def __init__(self, width: int, height: int, fps: float) -> None:
        """Announce it.

        Raises:
            MissingExtra: cyndilib is not installed.
            OutputError: NDI does not run on this system.
        """
        try:
            senders = importlib.import_module("cyndilib.sender")
            frames = importlib.import_module("cyndilib.video_frame")
            codes = importlib.import_module("cyndilib.wrapper.ndi_structs")
        except ImportError:
            raise MissingExtra("NDI", "ndi") from None
        try:
            self._sender: Any = senders.Sender("aimv")
            video = frames.VideoSendFrame()
            video.set_resolution(width, height)
            video.set_fourcc(codes.FourCC.RGBA)
            video.set_frame_rate(Fraction(fps).limit_denominator(1001))
            self._sender.set_video_frame(video)
            self._sender.open()
        except Exception as error:  # noqa: BLE001 - its errors share no base
            raise OutputError(f"NDI does not start on this system ({error})") from None

    def picture(self, frame: Frame, t: float) -> None:
        """Send it to whoever watches."""
        self._sender.write_video_async(cv2.cvtColor(frame, cv2.COLOR_RGB2RGBA).ravel())

    def sound(self, samples: NDArray[np.float32], start: int) -> None:
        """Pictures only."""

    def close(self) -> None:
        """Withdraw the source."""
        self._sender.close()

    def give_up(self) -> None:
        """Withdraw the source."""
        self._sender.close()

"""Outputs for other programs on the machine or the network: a virtual camera, and NDI. Pictures only."""

from fractions import Fraction
from typing import Any

import cv2

from engine.errors import OutputError, import_extra
from engine.outputs.base import BaseOutput, MediaFormat
from engine.types import Frame


class VirtualCamera(BaseOutput):
    """The system's virtual camera, by pyvirtualcam: v4l2loopback on Linux, OBS's on Windows and macOS."""

    name = "camera"

    def __init__(self, on: bool, format: MediaFormat) -> None:
        """Open it.

        Raises:
            MissingExtra: pyvirtualcam is not installed.
            OutputError: the system has no virtual camera.
        """
        library = import_extra("pyvirtualcam", "the virtual camera", "camera")
        try:
            self._camera: Any = library.Camera(width=format.width, height=format.height, fps=format.fps)
        except RuntimeError:
            raise OutputError(
                "there is no virtual camera: on Linux `sudo modprobe v4l2loopback`, elsewhere install OBS"
            ) from None

    def write(self, frame: Frame, time: float) -> None:
        """Send the RGB picture to the camera's readers."""
        try:
            self._camera.send(frame)
        except RuntimeError as error:
            raise OutputError(f"the virtual camera is gone ({str(error).splitlines()[0]})") from None

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()


class Ndi(BaseOutput):
    """An NDI source called "aimv", by cyndilib."""

    name = "ndi"

    def __init__(self, on: bool, format: MediaFormat) -> None:
        """Announce it.

        Raises:
            MissingExtra: cyndilib is not installed.
            OutputError: NDI does not run on this system.
        """
        modules = ("sender", "video_frame", "wrapper.ndi_structs")
        senders, frames, codes = (import_extra(f"cyndilib.{name}", "NDI", "ndi") for name in modules)
        try:
            self._sender: Any = senders.Sender("aimv")
            video = frames.VideoSendFrame()
            video.set_resolution(format.width, format.height)
            video.set_fourcc(codes.FourCC.RGBA)
            video.set_frame_rate(Fraction(format.fps).limit_denominator(1001))
            self._sender.set_video_frame(video)
            self._sender.open()
        except Exception as error:  # noqa: BLE001 - its errors share no base
            raise OutputError(f"NDI does not start on this system ({error})") from None

    def write(self, frame: Frame, time: float) -> None:
        """Send the RGB picture to the receivers."""
        self._sender.write_video_async(cv2.cvtColor(frame, cv2.COLOR_RGB2RGBA).ravel())

    def close(self) -> None:
        """Withdraw the source."""
        self._sender.close()

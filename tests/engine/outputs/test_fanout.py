"""Outputs beside the window: complete, synchronized recordings and streams that never stop the show."""

import socket
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import OutputError, UsageError
from engine.outputs import base
from engine.outputs.base import BaseOutput, MediaFormat, QueuedOutput
from engine.outputs.devices import VirtualCamera
from engine.outputs.encoder import encode_recording, encode_stream
from engine.outputs.fanout import FanOut, open_outputs
from engine.types import Frame

FPS, RATE = 10, 44_100
FORMAT = MediaFormat(64, 48, FPS, RATE)


def flash(number: int) -> Frame:
    """Grey, white each tenth picture."""
    return np.full((48, 64, 3), 255 if number % 10 == 0 else 60, np.uint8)


def play(output: QueuedOutput, seconds: int, missing: tuple[int, ...] = (), begins: int = 5) -> None:
    """Give `output` a show whose sound has begun before the pictures: clicks of 20 ms with each white picture."""
    for number in range(begins + FPS * seconds):
        sound = np.zeros((RATE // FPS, 2), np.float32)
        if number % 10 == 0:
            sound[: RATE // 50] = 0.5
        output.write_audio(sound, number * RATE // FPS)
        if number >= begins and number not in missing:
            output.write(flash(number), number / FPS)


def read(path: Path) -> tuple[list[float], list[float], list[float]]:
    """Times of all pictures, of the white ones, and of the clicks."""
    with av.open(str(path)) as file:
        pictures = [(float(frame.time), frame.to_ndarray(format="gray").mean()) for frame in file.decode(video=0)]
    with av.open(str(path)) as file:
        parts = [np.abs(frame.to_ndarray()).max(axis=0) for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    loud = np.flatnonzero(np.concatenate(parts) > 0.2) / rate
    clicks = loud[np.diff(loud, prepend=-1.0) > 0.5]
    return [time for time, _ in pictures], [time for time, light in pictures if light > 200], clicks.tolist()


def test_a_recording_has_every_picture_and_the_sound_at_its_place(tmp_path: Path) -> None:
    output = QueuedOutput(lambda: encode_recording(tmp_path / "show.mp4", FORMAT), 100.0, FPS)
    play(output, 4, missing=(22, 23))
    output.close()
    assert (output.state, output.written, output.dropped) == ("open", 38, 0), output.reason
    times, white, clicks = read(tmp_path / "show.mp4")
    assert times == pytest.approx([k / FPS for k in range(40) if k not in (17, 18)], abs=0.002)
    assert white == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=0.002)
    assert clicks == pytest.approx(white, abs=0.03), "within one AAC frame"
    assert list(tmp_path.iterdir()) == [tmp_path / "show.mp4"]


def test_an_unfinished_recording_can_be_played(tmp_path: Path) -> None:
    output = QueuedOutput(lambda: encode_recording(tmp_path / "show.mp4", FORMAT), 100.0, FPS)
    play(output, 12)
    end = time.monotonic() + 20.0
    while output.written < 120 and time.monotonic() < end:
        time.sleep(0.01)
    part = next(tmp_path.glob(".show-*.part"))
    (tmp_path / "after_a_power_failure.mp4").write_bytes(part.read_bytes())
    output.close()
    assert len(read(tmp_path / "after_a_power_failure.mp4")[0]) > 20


def test_a_stream_to_a_file_is_a_transport_stream(tmp_path: Path) -> None:
    path = tmp_path / "show.ts"
    output = QueuedOutput(lambda: encode_stream(str(path), FORMAT), 100.0, FPS, reopen=True)
    play(output, 2)
    output.close()
    assert path.read_bytes()[0] == 0x47
    assert len(read(path)[0]) == 20


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def received(port: int, most: int) -> int:
    """Pictures that a receiver at `port` gets until it has `most`, or the stream ends."""
    count = 0
    with av.open(f"tcp://127.0.0.1:{port}?listen=1", format="mpegts", timeout=(20.0, 20.0)) as stream:
        for _ in stream.decode(video=0):
            count += 1
            if count == most:
                break
    return count


def test_a_stream_reconnects_after_its_receiver_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "RETRY_S", (0.05,))
    port, got = free_port(), []
    receiving = threading.Thread(target=lambda: got.extend([received(port, 30), received(port, 30)]))
    receiving.start()
    end = time.monotonic() + 20.0
    while True:
        try:
            output = QueuedOutput(lambda: encode_stream(f"tcp://127.0.0.1:{port}", FORMAT), 1.0, FPS, reopen=True)
            break
        except OutputError:
            assert time.monotonic() < end, "nobody listens"
    number, states = 0, set()
    while receiving.is_alive() and time.monotonic() < end + 20.0:
        output.write_audio(np.zeros((RATE // FPS, 2), np.float32), number * RATE // FPS)
        output.write(np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8), number / FPS)
        states.add(output.state)
        number += 1
        time.sleep(0.005)
    output.close()
    receiving.join()
    assert got == [30, 30]
    assert states >= {"open", "lost"}
    assert output.name == "tcp://127.0.0.1", "no key in a name"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "rtmp://127.0.0.1:9/live/secret"])
def test_an_unreachable_stream_is_an_error_at_the_start(address: str) -> None:
    with pytest.raises(OutputError, match=r"127\.0") as raised:
        encode_stream(address, FORMAT)
    assert "secret" not in str(raised.value)


def test_an_unsupported_protocol_is_an_error() -> None:
    try:
        encode_stream("srt://127.0.0.1:9", FORMAT)
    except OutputError as error:
        assert "no srt" in str(error) or "cannot be written to" in str(error)


@pytest.mark.parametrize("address", ["http://x/y", "show.mkv", ""])
def test_an_invalid_stream_address_is_an_error_with_the_valid_kinds(address: str) -> None:
    with pytest.raises(UsageError, match="rtmp://"):
        encode_stream(address, FORMAT)


def test_a_recording_must_be_possible_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        encode_recording(tmp_path / "nowhere" / "show.mp4", FORMAT)
    with pytest.raises(UsageError, match=r"\.mp4"):
        encode_recording(tmp_path / "show.avi", FORMAT)


class Slow(BaseOutput):
    """An output that blocks until it is released."""

    name = "slow"

    def __init__(self, broken: bool = False) -> None:
        self.seen: list[float] = []
        self.go = threading.Event()
        self.broken = broken
        self.ended = ""

    def write(self, frame: Frame, time: float) -> None:
        self.go.wait(20.0)
        if self.broken:
            raise OutputError("the disk is full")
        self.seen.append(time)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def test_a_full_queue_drops_and_counts_without_waiting() -> None:
    slow = Slow()
    output = QueuedOutput(lambda: slow, 1.0, FPS)
    for number in range(50):
        output.write(flash(number), number / FPS)
    dropped = output.dropped
    slow.go.set()
    output.close()
    assert 39 <= dropped <= 40
    assert output.written == len(slow.seen) == 50 - dropped
    assert slow.ended == "closed"


def test_a_failed_output_reports_why_and_drops_the_rest() -> None:
    slow = Slow(broken=True)
    slow.go.set()
    output = QueuedOutput(lambda: slow, 1.0, FPS)
    for number in range(5):
        output.write(flash(number), number / FPS)
    output.close()
    assert (output.state, output.reason, slow.ended, output.written) == ("failed", "the disk is full", "aborted", 0)


@pytest.mark.skipif(any(Path("/dev").glob("video*")), reason="there may be a virtual camera")
def test_a_missing_virtual_camera_is_an_error_with_a_hint() -> None:
    pytest.importorskip("pyvirtualcam")
    with pytest.raises(OutputError, match="modprobe v4l2loopback"):
        VirtualCamera(True, FORMAT)


class Screen(BaseOutput):
    """A window that counts its pictures."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def write(self, frame: Frame, time: float) -> None:
        self.times.append(time)


def test_a_picture_that_is_shown_again_is_written_once() -> None:
    screen, slow = Screen(), Slow()
    slow.go.set()
    with FanOut(screen, [QueuedOutput(lambda: slow, 1.0, FPS)], lambda: 0.0) as outputs:
        for moment in (0.0, 0.1, 0.1, 0.1, 0.2):
            outputs.write(flash(1), moment)
    assert screen.times == [0.0, 0.1, 0.1, 0.1, 0.2]
    assert slow.seen == [0.0, 0.1, 0.2]
    assert slow.ended == "closed"


def test_latency_is_from_the_arrival_of_an_onset_to_the_first_picture_begun_after_it() -> None:
    began = [0.0]
    outputs = FanOut(Screen(), (), lambda: began[0])
    assert outputs.latency(0.5) is None
    arrived = time.perf_counter() - 5.0
    outputs.note_onset(arrived)
    outputs.write(flash(1), 0.0)
    assert outputs.latency(0.5) is None, "it was begun before"
    began[0] = time.perf_counter()
    outputs.write(flash(1), 0.1)
    assert 5.0 <= (outputs.latency(0.5) or 0.0) < 60.0
    outputs.write(flash(1), 0.2)
    assert len(outputs.latencies) == 1


def test_the_options_open_their_outputs_and_one_that_is_not_possible_closes_the_others(tmp_path: Path) -> None:
    addresses = {
        "record": tmp_path / "show.mp4",
        "stream": (str(tmp_path / "a.ts"), str(tmp_path / "b.ts")),
        "ndi": False,
    }
    with FanOut(None, open_outputs({**addresses, "hud": True}, FORMAT), lambda: 0.0) as outputs:
        assert [each.kind for each in outputs.outputs] == ["record", "stream", "stream"]
        outputs.write(flash(1), 7.0)
    assert [each.begins for each in outputs.outputs] == [7.0] * 3
    threads = threading.active_count()
    with pytest.raises(UsageError, match="rtmp://"):
        open_outputs({**addresses, "stream": ("http://x/y",)}, FORMAT)
    assert threading.active_count() == threads

"""Options that several commands share, and their parsing.

Options of a show on stage, which `aimv play` and `aimv live` share: outputs and control.
"""

from pathlib import Path
from typing import Annotated

import platformdirs
import typer

SongFile = Annotated[Path, typer.Argument(help="A sound file: wav, flac, mp3, ogg, m4a; any rate.", metavar="FILE")]
Seed = Annotated[int, typer.Option(help="The number all chance comes from; the same one gives the same result.")]
Language = Annotated[
    str, typer.Option(help="Language that is sung, as en, es, fr, de, ...; auto listens for it.", metavar="LANG")
]
Whisper = Annotated[
    str, typer.Option(help="Whisper model: a name that `aimv models` lists, a hub id or a folder.", metavar="MODEL")
]

KEYS = Path(platformdirs.user_config_dir("aimv")) / "keys"
KeysFolder = Annotated[
    Path, typer.Option(help="The folder of keys that `aimv keys` makes.", metavar="FOLDER", show_default=False)
]


Record = Annotated[
    Path | None,
    typer.Option(help="Record pictures and sound into this .mp4, and the score beside it.", metavar="OUT.mp4"),
]
Stream = Annotated[
    list[str],
    typer.Option(help="Stream to rtmp://, srt://, udp:// or tcp://HOST:PORT; may be given again.", metavar="URL"),
]
Camera = Annotated[bool, typer.Option("--camera", help="Be a camera for other programs.")]
NdiOut = Annotated[bool, typer.Option("--ndi", help="Be an NDI source on the network.")]
Broker = Annotated[
    str, typer.Option("--mqtt", help="Control by MQTT: mqtt://[USER@]HOST, mqtts:// for TLS.", metavar="URL")
]
BrokerPassword = Annotated[
    str, typer.Option("--mqtt-password", help="Better in the config.", envvar="AIMV_MQTT_PASSWORD", metavar="WORD")
]
BrokerCa = Annotated[str, typer.Option("--mqtt-ca", help="File with the broker's certificate.", metavar="FILE")]
OscPort = Annotated[str, typer.Option("--osc", help="Control by OSC at this port.", metavar="[HOST:]PORT")]
MidiPort = Annotated[str, typer.Option("--midi", help="Control by this MIDI input, or a part of its name.")]
MetricsPort = Annotated[
    str, typer.Option("--metrics", help="Serve numbers to Prometheus at this port.", metavar="[HOST:]PORT")
]
LinkIn = Annotated[bool, typer.Option("--link", help="Take the beat from Ableton Link while others are in it.")]
Fullscreen = Annotated[bool, typer.Option("--fullscreen", help="Begin with the whole screen.")]
Hud = Annotated[bool, typer.Option("--hud", help="Begin with what it hears and does over the picture.")]

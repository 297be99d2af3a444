"""What every way of control shares: where a command goes, and how one that was refused is told."""

import json
from typing import Any

from engine.control.commands import Refused, Value, command_of
from engine.control.desk import Desk


class Receiver:
    """Turns what a program sent into a command and follows it; what cannot be is refused with a reason."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def receive(self, name: str, value: Value) -> str | None:
        """Follow the command called `name`; None, or why it was refused."""
        try:
            command = command_of(name, value)
        except Refused as refused:
            self._desk.refuse(str(refused))
            return str(refused)
        try:
            self._desk.take(command)
        except Refused as refused:
            return str(refused)
        return None

    def refuse(self, reason: str) -> str:
        """Something that is no command came; the reason, counted and said."""
        return str(self._desk.refuse(reason))


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

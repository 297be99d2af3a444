"""The report of a tool: a table for people, and one line of JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_figures(title: str, figures: Mapping[str, Any], notes: Iterable[tuple[str, str]] = ()) -> None:
    """Print `figures` as a table, with rows of `notes` below, and then as JSON."""
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    for note in notes:
        table.add_row(*note)
    Console().print(table)
    print(json.dumps(figures))

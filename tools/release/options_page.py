"""Write docs/options.md: every option of every command, from aimv/options.py.

python -m tools.release.options_page            (make docs)
"""

import dataclasses
from pathlib import Path

from aimv.cli.main import common
from aimv.cli.options import OPTIONS
from aimv.fields import Option

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
HEAD = """# Options

Made by `make docs` from `aimv/options.py`. An option is a flag of the commands named beside it, a key of the config
(`aimv config` shows where it is; a `[command]` table sets it for one command), and, for `Settings`, an argument in
Python. A value is checked when it is given, wherever it is given.
"""


def page() -> str:
    """The page as text."""
    uses: dict[tuple[str, str], list[tuple[str, Option]]] = {}
    for command, options in OPTIONS.items():
        for option in options:
            uses.setdefault((option.name, option.help), []).append((command, option))
    rows = [_row(group) for _, group in sorted(uses.items())]
    rows += [_row([("before the command", option)]) for option in common.options]  # type: ignore[attr-defined]
    return "\n".join(
        [HEAD, "| flag | what it does | default | config key | commands |", "|---|---|---|---|---|", *rows, ""]
    )


def _row(uses: list[tuple[str, Option]]) -> str:
    option = uses[0][1]
    flag = f"{option.flag} {option.metavar or ''}".strip()
    if option.default is True:
        flag += f"`, `--no-{option.flag[2:]}"
    defaults: dict[str, list[str]] = {}
    for command, each in uses:
        defaults.setdefault(_default(each), []).append(command)
    default = next(iter(defaults))
    if len(defaults) > 1:
        default = "; ".join(f"{value} ({', '.join(commands)})" for value, commands in defaults.items())
    commands = [command for command, _ in uses]
    key = "" if commands == ["before the command"] else f"`{option.name}`"
    help_text = option.help + (f" Also by `{option.env}`." if option.env else "")
    cells = f"`{flag}`", help_text.replace("|", "\\|"), default, key, ", ".join(commands)
    return f"| {' | '.join(cells)} |"


def _default(option: Option) -> str:
    if option.default is dataclasses.MISSING:
        return "required"
    if isinstance(option.default, bool):
        return "on" if option.default else "off"
    if option.default in (None, "", ()) or isinstance(option.default, Path):  # a path is that of this user
        return ""
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

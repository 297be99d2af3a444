"""docs/options.md is generated from aimv/options.py."""

from tools.release.options_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


def test_it_has_every_flag_once_a_command() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    shown = {row.split("|")[1].strip(" `").split()[0].rstrip("`,"): row for row in rows}
    assert "24 (export); 30 (play, live)" in shown["--fps"]
    assert "required" in shown["--bind"] and "`seed`" in shown["--seed"]
    assert "--no-words" in shown["--words"]

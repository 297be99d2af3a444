"""`python -m aimv` is the `aimv` command."""

from aimv.cli import main

main()

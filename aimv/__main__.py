"""`python -m aimv` is the `aimv` command."""

from aimv.cli.signals import main

main()

"""`python -m aimv` is the `aimv` command."""

from aimv.entry import main

main()

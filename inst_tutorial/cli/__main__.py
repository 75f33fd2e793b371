"""`python -m inst_tutorial.cli` is the command `inst`."""

from inst_tutorial.cli import main

main()

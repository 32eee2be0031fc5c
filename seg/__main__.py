"""`python -m seg`, the same as the command `seg`."""

from seg.commands import main

main()

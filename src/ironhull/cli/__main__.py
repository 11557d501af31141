"""`python -m ironhull.cli`."""

from ironhull.cli import main

main()

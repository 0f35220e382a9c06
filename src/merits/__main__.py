"""`python -m merits` is `merits`."""

from merits.cli import entry

entry()

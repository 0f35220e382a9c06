"""`python -m merits` is `merits`."""

import sys

from merits.cli import main

sys.exit(main())

"""What a command leaves on the disk until somebody uses it."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import sys
from merits.cli.light import lighten
lighten()
lighten()
import scipy
scipy.special.ndtri(0.5)
assert "numpy.f2py.crackfortran" not in sys.modules
import numpy.testing
numpy.testing.assert_equal(1, 1)
from numpy.polynomial import Polynomial
print(Polynomial([1, 2])(3), numpy.f2py.get_include is not None, "numpy.f2py.crackfortran" in sys.modules)
"""


def test_seldom_used_parts_of_numpy_are_loaded_by_their_first_use() -> None:
    """Not by SciPy, which takes all of NumPy along; and whoever wants them has them."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["7.0", "True", "True"], done.stderr

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


_SPECIAL_SCRIPT = """
import sys, threading
from merits.cli.light import lighten
lighten()
import scipy
assert scipy.special.ndtri(0.5) == 0.0
from scipy.special import stdtr
assert "scipy.special._basic" not in sys.modules
found = []
threads = [threading.Thread(target=lambda: found.append(scipy.special.softmax([0.0, 0.0])[0])) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
from scipy.special import _ufuncs
print(*found, stdtr is scipy.special.stdtr, hasattr(scipy.special, "nothing_like_this"))
same = [getattr(_ufuncs, name, None) in (None, getattr(scipy.special, name)) for name in scipy.special.__all__]
print(all(same))
import scipy.stats
"""


def test_special_functions_are_there_without_the_rest_of_their_package() -> None:
    """Compiled functions are SciPy's own; whoever wants another has the whole package, from any thread."""
    done = subprocess.run([sys.executable, "-c", _SPECIAL_SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [" ".join(["0.5"] * 8 + ["True", "False"]), "True"], done.stderr

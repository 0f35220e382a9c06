"""Keeps the process of a command small: what NumPy has and nobody here uses is loaded when somebody does.

`import scipy.special` takes everything that NumPy has along (`from numpy import *`), its Fortran compiler and its test
tools too: 10 MB and a tenth of a second of CPU of each command that decides, measured with NumPy 2.4 and SciPy 1.17.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

__all__ = ["lighten"]

_SELDOM = ("ctypeslib", "f2py", "polynomial", "testing")  # not `random`: it is used from threads


def lighten() -> None:
    """Nothing; from now on these parts of NumPy are loaded by the first use of them, as `importlib` describes it.

    >>> lighten()
    >>> import numpy
    >>> numpy.polynomial.Polynomial([1, 2])(3)
    np.float64(7.0)
    """
    import numpy

    for part in _SELDOM:
        name = f"numpy.{part}"
        spec = None if name in sys.modules else find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = loader = LazyLoader(spec.loader)
        sys.modules[name] = module = module_from_spec(spec)
        loader.exec_module(module)
        setattr(numpy, part, module)

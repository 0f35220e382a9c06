"""Keeps the process of a command small: what NumPy and SciPy have and nobody here uses is loaded when somebody does.

`import scipy.special` takes everything that NumPy has along (`from numpy import *`), its Fortran compiler and its test
tools too, and writes a table into each docstring: 28 MB and 0.3 s of CPU of each command that decides, where its
compiled functions alone take 4 MB and 0.01 s, measured with NumPy 2.4 and SciPy 1.17.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType

__all__ = ["lighten"]

_SELDOM = ("ctypeslib", "f2py", "polynomial", "testing")  # not `random`: it is used from threads


def lighten() -> None:
    """Nothing; from now on these parts are loaded by the first use of them, those of NumPy as `importlib` describes it.

    >>> lighten()
    >>> import numpy, scipy
    >>> numpy.polynomial.Polynomial([1, 2])(3)
    np.float64(7.0)
    >>> scipy.special.ndtr(0.0), scipy.special.logsumexp([0.0])
    (np.float64(0.5), np.float64(0.0))
    """
    _lighten_numpy()
    _lighten_scipy()


def _lighten_numpy() -> None:
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


def _lighten_scipy() -> None:
    scipy = find_spec("scipy")
    if scipy is None or _SPECIAL in sys.modules:
        return
    spec = PathFinder.find_spec(_SPECIAL, scipy.submodule_search_locations)
    if spec is not None and spec.loader is not None:
        sys.modules[_SPECIAL] = module = module_from_spec(spec)
        module.__class__ = _CompiledFirst


_SPECIAL = "scipy.special"
_whole = threading.RLock()
_loading: set[str] = set()


class _CompiledFirst(ModuleType):
    """`scipy.special` with its compiled functions only; the first other name that is wanted loads the whole of it."""

    def __getattr__(self, name: str) -> object:
        if not name.startswith("_"):
            compiled = import_module(f"{_SPECIAL}._ufuncs")
            if name in compiled.__all__:
                return getattr(compiled, name)
        with _whole:
            if _SPECIAL in _loading:  # by this thread: its own code asks for what it has not got yet
                raise AttributeError(f"module {_SPECIAL!r} has no attribute {name!r} yet")
            if type(self) is _CompiledFirst:  # no other thread has loaded it meanwhile
                self._load()
        return getattr(self, name)

    def _load(self) -> None:
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        _loading.add(_SPECIAL)
        try:
            spec.loader.exec_module(self)
            object.__setattr__(self, "__class__", ModuleType)
        finally:
            _loading.discard(_SPECIAL)

"""Detectors of the package river for streams of numbers: ADWIN, KSWIN, Page-Hinkley, one detector a stream.

They need no reference, for each compares a stream with its own past; none promises how often an unchanged stream is
accused (`python -m benchmarks stream` counts). Montiel et al. (2021), "River: machine learning for streaming data in
Python", JMLR 22(110).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RiverDetectors", "RiverKind"]

RiverKind: TypeAlias = Literal["adwin", "kswin", "page-hinkley"]


class RiverDetectors:
    """So many detectors of one kind. `alarmed` (streams,) says where any has ever found a change since it was begun.

    MissingExtra without river. `alpha` is what ADWIN calls delta and KSWIN alpha, of each comparison that they make;
    Page-Hinkley has none.
    """

    def __init__(self, kind: RiverKind, n_streams: int, alpha: float = 0.002, seed: int = 0) -> None:
        self._make = _maker(kind, alpha, seed)
        self._detectors = [self._make() for _ in range(n_streams)]
        self.alarmed = np.zeros(n_streams, np.bool_)

    def see(self, values: NDArray[np.float64]) -> None:
        """Takes events, oldest first: values (events, streams), NaN where a stream has none."""
        for number, detector in enumerate(self._detectors):
            column = values[:, number]
            for value in column[~np.isnan(column)].tolist():
                detector.update(value)
                if detector.drift_detected:
                    self.alarmed[number] = True

    def restart(self, streams: NDArray[np.bool_]) -> None:
        """Begins anew on some streams."""
        for number in np.flatnonzero(streams):
            self._detectors[number] = self._make()
        self.alarmed = self.alarmed & ~streams


def _maker(kind: RiverKind, alpha: float, seed: int) -> Callable[[], Any]:
    try:
        from river import drift
    except ImportError:
        raise MissingExtra(
            f"the detector {kind!r} is river's, which is not installed.", "pip install 'merits[drift]'"
        ) from None
    adwin: Any = drift.ADWIN  # compiled, without types
    return {
        "adwin": lambda: adwin(delta=alpha),
        "kswin": lambda: drift.KSWIN(alpha=alpha, seed=seed),
        "page-hinkley": drift.PageHinkley,
    }[kind]

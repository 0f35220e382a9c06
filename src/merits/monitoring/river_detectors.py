"""Detectors of the package river for streams of numbers: ADWIN, KSWIN, Page-Hinkley, one detector a stream.

They need no reference, for each compares a stream with its own past; none promises how often an unchanged stream is
accused (`python -m benchmarks stream` counts). What they know is put away as its numbers, never pickled.
Montiel et al. (2021), "River: machine learning for streaming data in Python", JMLR 22(110).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.incremental.graphs import BrokenGraph, graph_of, object_of
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

    def state(self) -> bytes:
        """All that they know, to go on from: stopped and gone on is not stopped. No code is in it.

        >>> values = np.random.default_rng(1).normal(size=(1_000, 1))
        >>> stopped, other = RiverDetectors("adwin", 1), RiverDetectors("adwin", 1)
        >>> stopped.see(values[:500])
        >>> other.restore(stopped.state())
        >>> for one in (stopped, other):
        ...     one.see(values[500:] + 2.0)
        >>> stopped.alarmed.tolist(), stopped.state() == other.state()
        ([True], True)
        """
        return graph_of([[_numbers_of(one) for one in self._detectors], self.alarmed.tolist()])

    def restore(self, state: bytes) -> None:
        """Goes on from there. ValueError for what is no state of so many detectors of this kind."""
        try:
            numbers, alarmed = object_of(state)
            if [*map(len, (numbers, alarmed))] != [len(self._detectors)] * 2:
                raise BrokenGraph("it is of another number of streams")
            fresh = [self._make() for _ in numbers]
            for detector, known in zip(fresh, numbers, strict=True):
                if _numbers_of(detector).keys() != known.keys():
                    raise BrokenGraph("it is of another kind of detector")
                vars(detector).update(known)
        except (TypeError, AttributeError) as problem:
            raise BrokenGraph(f"it is no state of detectors: {problem}") from problem
        self._detectors, self.alarmed = fresh, np.array(alarmed, np.bool_)


def _numbers_of(detector: Any) -> dict[str, Any]:
    """What a detector knows, by its attributes' names; without the one that is a function (Page-Hinkley's test)."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(detector).items()
        if not callable(value)
    }


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

"""Candidates that were tested on a stream, each case before it is learned from: quality over time, with intervals."""

from __future__ import annotations

import msgspec

from merits.core.estimate import Estimate

__all__ = ["Lane", "Prequential", "Window"]


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cases from `first` to `last` (from 1, both included). `gain` is over the frozen copy of the same candidate.

    `quality` is the share solved of the cases in it that could be scored; None where none could.
    """

    first: int
    last: int
    quality: Estimate | None = None
    gain: Estimate | None = None


class Lane(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one candidate did on the stream. `learns` is whether it went on learning, else it is frozen after dev.

    `quality` and `gain` hold at every moment of the stream at once. `autocorrelation` is that of being right from one
    case to the next. `n_lessons` were learned, in `learning_s` seconds of this machine; `state_bytes` is what it takes
    to go on from where it ended. Of a frozen candidate the last three are 0.
    """

    name: str
    learns: bool
    quality: Estimate | None
    windows: tuple[Window, ...]
    n_failed: int = 0
    n_unscored: int = 0
    gain: Estimate | None = None
    autocorrelation: float | None = None
    n_lessons: int = 0
    learning_s: float = 0.0
    state_bytes: int = 0


class Prequential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Candidates tested case by case on the `test` examples in their order, after learning from `n_dev` examples.

    The label of a case is known before the case `delay` later is asked (0 and 1: before the next). `metric` is the
    first scorer: quality is the share of cases it calls solved. `notes` say what the intervals do not.
    """

    task: str
    task_name: str
    metric: str
    n: int
    n_dev: int
    delay: int
    lanes: tuple[Lane, ...]
    notes: tuple[str, ...] = ()

    def lane(self, name: str, *, learns: bool) -> Lane:
        """The lane of a candidate. KeyError where there is none."""
        found = next((lane for lane in self.lanes if lane.name == name and lane.learns == learns), None)
        if found is None:
            raise KeyError(name)
        return found

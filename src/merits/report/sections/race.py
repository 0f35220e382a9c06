"""How the race went: how far each candidate came, and what was known of it on the way."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.decision import RaceResult
from merits.core.evaluation import Evaluation, Raced
from merits.core.outcome import Status
from merits.report.sections.subject import Subject
from merits.stats.sequences import rate_sequence_limits

__all__ = ["RaceSection", "Track", "race_section"]

_MOST_POINTS = 80


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate on its way: after so many units the share solved, with the interval that holds at every look."""

    name: str
    dropped: bool
    n_units: int
    n_asked: int
    may_be_best_here: bool
    may_be_best_ahead: bool
    after: tuple[int, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class RaceSection(msgspec.Struct, frozen=True, kw_only=True):
    """The race, with a track for each candidate, the one that came furthest first."""

    result: RaceResult
    tracks: tuple[Track, ...]
    level: float


def race_section(subject: Subject) -> RaceSection | None:
    """None where everybody was asked everything."""
    result, raced = subject.decision.race, subject.evaluation.raced
    if result is None or raced is None:
        return None
    tracks = [_track(subject, raced, result, k) for k in range(len(subject.evaluation.candidates))]
    tracks.sort(key=lambda track: (-track.n_units, -(track.share[-1] if track.share else 0.0), track.name))
    return RaceSection(result=result, tracks=tuple(tracks), level=subject.decision.level)


def _track(subject: Subject, raced: Raced, result: RaceResult, k: int) -> Track:
    runner = result.runners[k]
    ends = raced.rounds[raced.rounds <= raced.asked[k]]
    ends = (
        ends[np.unique(np.linspace(0, len(ends) - 1, min(len(ends), _MOST_POINTS)).astype(int))] if len(ends) else ends
    )
    n, solved = _counts(subject.evaluation, raced, k, ends)
    known = n > 0
    low, high = rate_sequence_limits(solved[known], n[known], subject.decision.level)
    return Track(
        name=runner.candidate,
        dropped=runner.dropped,
        n_units=runner.n_units,
        n_asked=runner.n_asked,
        may_be_best_here=runner.may_be_best_here,
        may_be_best_ahead=runner.may_be_best_ahead,
        after=tuple(ends[known].tolist()),
        share=tuple((solved[known] / n[known]).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )


def _counts(evaluation: Evaluation, raced: Raced, k: int, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many rows were judged or failed, and how many solved, in the units before each end."""
    usable = (evaluation.perturbations == "") & np.isin(evaluation.status[k], (Status.SCORED, Status.FAILED))
    solved = usable & evaluation.solved[k] & (evaluation.status[k] == Status.SCORED)
    size = int(raced.place.max()) + 1
    judged, right = (np.cumsum(np.bincount(raced.place[mask], minlength=size)) for mask in (usable, solved))
    return judged[ends - 1].astype(np.float64), right[ends - 1].astype(np.float64)

"""Scorers of pictures whose measure is one of the whole set: what they share. Knows nothing about the measures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.media.finding import Media
from merits.scorers.seen import LAYOUT, Features, alike, answered_picture, description, reduced, wanted_picture

__all__ = ["SetParams", "fingerprint", "set_scorer"]

Floats: TypeAlias = NDArray[np.float64]
CountsOf: TypeAlias = Callable[[Floats | None, Floats], Floats]


class SetParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What pictures are compared by, and how like the wanted one an answer must be to count as solved by itself."""

    features: Features = LAYOUT
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The likeness to the target, 0 to 1, from which a case is solved.")
    ] = 0.5


def fingerprint(params: SetParams, *, folder: Path) -> str:
    """What pictures are compared by, with the weights of a network."""
    return description(params.features, folder).version


def set_scorer(
    params: SetParams, media: Media, folder: Path, statistic: str = "", counts_of: CountsOf | None = None
) -> Scorer:
    """A scorer that says how like the wanted picture an answer is, and adds its counts to a statistic of the set.

    `folder` is the task's. `counts_of` is given the answer's 16 features (None where there is no picture) and those
    of the target's.
    """
    seen = description(params.features, folder)

    def score(example: Example, answer: Answer) -> Score:
        wanted, file = seen.seen(wanted_picture(example, media)), answered_picture(answer, media)
        found = seen.blank if file is None else seen.seen(file)
        value = min(max(alike(found, wanted, seen.blank), 0.0), 1.0) if file is not None else 0.0
        counts = None
        if counts_of is not None:
            own = None if file is None else reduced(found, seen.blank)
            added = counts_of(own, reduced(wanted, seen.blank))
            counts = Counts(statistic, tuple(added.tolist()))
        reason = "no picture" if file is None else f"likeness {value:.2f}"
        return Score(value, file is not None and value >= params.solved_from, reason, counts)

    return score

"""The quality of a candidate that was asked a random part of the examples, with the help of those that were asked all.

A race stops asking an expensive candidate early. Cheap ones that ran on everything then say what the rest was like.
"""

from __future__ import annotations

import numpy as np

from merits.core.outcome import Status
from merits.deciding.cases import Cases
from merits.stats.assisted import Assisted, assisted_mean

__all__ = ["assisted_quality"]

_MOST_HELPERS = 30


def assisted_quality(cases: Cases, k: int, level: float) -> Assisted | None:
    """The share of cases solved by candidate k over all rows that others were asked; None without any to help.

    Of a race: the rows past where k was dropped, in the random order fixed before. Otherwise only where rows are
    missing and none failed: what is missing because a candidate could not be asked is no random part, and what is
    missing for another reason is taken to have been left by chance. Rows that could not be judged are left out.
    """
    raced, answered = cases.evaluation.raced is not None, cases.counted[k]
    missing = np.asarray((cases.evaluation.status[k] == Status.MISSING) & cases.clean)
    missing &= ~cases.due[k] if raced else not cases.failed[k].any()
    if not missing.any() or not answered.any():
        return None
    furthest = int(np.argmax((cases.counted & missing).sum(axis=1)))
    rows = np.flatnonzero((missing | answered) & cases.counted[furthest])
    whole = np.flatnonzero(cases.counted[:, rows].all(axis=1))
    helpers = [j for j in whole.tolist() if j != k][:_MOST_HELPERS]
    if not helpers or not missing[rows].any():
        return None
    groups = None if cases.groups is None else cases.groups[rows]
    return assisted_mean(
        cases.solved[k][rows].astype(np.float64),
        answered[rows],
        cases.solved[helpers][:, rows].astype(np.float64),
        groups,
        level,
        anytime=cases.anytime,
    )

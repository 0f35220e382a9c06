"""Whether a model that is asked the same questions again is still the same model.

A model that draws its words at random answers differently each time. So the new pass over the questions is held
against what earlier passes differ among each other: while nothing has changed, any of a question's passes might as well
have been the new one. What follows is exact for few questions, and needs no estimate of how much a model wavers
(a permutation test within questions; Fisher 1935). With one earlier pass the first test is McNemar's.
"""

from __future__ import annotations

import numpy as np
import scipy

from merits.stats.critical import Floats, Ints, normal_critical

__all__ = ["allowance", "answers_p", "odds_of_noticing", "solved_p"]

_SHRUNK = 3.0  # passes that a question's own are weighed against, all alike: models waver more than few passes show


def solved_p(new: Ints, earlier: Ints, n_earlier: Ints) -> float:
    """The two-sided p-value of "as much is solved as before", by questions.

    `new` (questions,) is 1 where the new pass solved it, `earlier` how many of its `n_earlier` earlier passes did.
    Given how many of all passes solved a question, the new one did with that share as its chance; the number solved in
    the new pass is a sum of such draws, whose distribution is computed. 1 where no question says anything.

    >>> round(solved_p(np.zeros(8, int), np.ones(8, int), np.ones(8, int)), 4)  # McNemar's: 2 / 2**8
    0.0078
    """
    chance = (new + earlier) / (n_earlier + 1.0)
    return _two_sided(_sum_of(np.stack([1.0 - chance, chance], axis=1)), int(new.sum()))


def answers_p(answers: Ints) -> float:
    """The p-value of "the new answers differ from the earlier ones no more than these differ among each other".

    `answers` (questions, passes) are codes of what was said, equal where it was the same, -1 where there is none; the
    last column is the new pass. Of each pass it is counted how many others said the same; while nothing has changed,
    the new one is any of them. One-sided: it is small where the new answers are the odd ones out. 1 for fewer than
    three passes, in which none can be odd, as all are then.

    >>> same, odd = np.zeros((9, 3), int), np.tile([0, 0, 1], (9, 1))
    >>> answers_p(same), round(answers_p(odd), 6)  # (1/3)**9
    (1.0, 5.1e-05)
    """
    observed, parts = 0, []
    for row in answers:
        said = row[row >= 0]
        if row[-1] < 0 or len(said) < 3:
            continue
        agree = (said[:, None] == said[None, :]).sum(axis=1) - 1
        parts.append(np.bincount(agree, minlength=answers.shape[1]) / len(said))
        observed += int(agree[-1])
    if not parts:
        return 1.0
    return float(min(1.0, _sum_of(np.stack(parts))[: observed + 1].sum()))


def allowance(number: int, alpha: float = 0.05) -> float:
    """What the `number`-th probe (from 1) may err, so that all there ever are together err with alpha at most.

    alpha / (k (k + 1)): these sum to alpha, and fall no faster than they must.

    >>> [round(allowance(k), 5) for k in (1, 2, 10)]
    [0.025, 0.00833, 0.00045]
    """
    return alpha / (number * (number + 1.0))


def odds_of_noticing(shift: float, earlier: Ints, n_earlier: Ints, alpha: float) -> float:
    """The probability that `solved_p` falls to alpha if so much less or more were solved (whichever is harder to see).

    Each question's chance is taken from its earlier passes; where it is to be lower it is the same part lower for all,
    and alike for higher. A normal approximation (within about 5 points at 50 questions, `tests/simulation`): it says
    whether "the same" means anything. 0 where no such shift can be.
    """
    if not len(earlier):
        return 0.0
    mean = float((earlier / n_earlier).mean())
    before = (earlier + _SHRUNK * mean) / (n_earlier + _SHRUNK)  # of which the mean is the same
    found = []
    if shift < mean:
        found.append(_odds(before * (1.0 - shift / mean), earlier, n_earlier, alpha))
    if shift < 1.0 - mean:
        found.append(_odds(1.0 - (1.0 - before) * (1.0 - shift / (1.0 - mean)), earlier, n_earlier, alpha))
    return min(found, default=0.0)


def _odds(after: Floats, earlier: Ints, n_earlier: Ints, alpha: float) -> float:
    """Of the sum over questions of what the new pass solves, less what that is expected to be given all passes."""
    passes = n_earlier + 1.0
    distance = abs(float(((after * n_earlier - earlier) / passes).sum()))
    chances = np.stack([earlier / passes, (earlier + 1.0) / passes])  # given that it fails, and that it solves
    spread = (chances * (1.0 - chances) * np.stack([1.0 - after, after])).sum() ** 0.5
    wavering = float((after * (1.0 - after) * (n_earlier / passes) ** 2).sum()) ** 0.5
    reach = distance - normal_critical(1.0 - alpha) * float(spread) - 0.5  # what is solved is a whole number
    return float(scipy.special.ndtr(reach / max(wavering, 1e-9)))


def _sum_of(parts: Floats) -> Floats:
    """The distribution of a sum of independent numbers 0..k-1, each with its own distribution (numbers, k)."""
    size = len(parts) * (parts.shape[1] - 1) + 1
    length = int(scipy.fft.next_fast_len(size))
    product = np.fft.rfft(parts, length, axis=1).prod(axis=0)
    return np.clip(np.fft.irfft(product, length)[:size], 0.0, 1.0)


def _two_sided(distribution: Floats, observed: int) -> float:
    """Twice the smaller tail, at most 1."""
    below, above = distribution[: observed + 1].sum(), distribution[observed:].sum()
    return float(min(1.0, 2.0 * min(below, above)))

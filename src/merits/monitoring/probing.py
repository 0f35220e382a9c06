"""Is a rented model still the one that was evaluated? It is asked a fixed set of questions again, and compared.

Pure: what the passes over the questions brought goes in, a verdict comes out. It rests on exact tests that hold for
models which answer at random, and takes into account that others may be run after it (`merits.stats.allowance`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Estimate
from merits.stats.paired import bonett_price
from merits.stats.probes import allowance, answers_p, odds_of_noticing, solved_p
from merits.stats.proportions import wilson

__all__ = ["FEWEST", "Probe", "ProbeResult", "probed"]

ProbeResult: TypeAlias = Literal["same", "changed", "could not find out"]

FEWEST = 20  # questions answered now and before
_ENOUGH = 0.8  # of noticing the shift that matters
_OF_SOLVED = 0.8  # of what a probe may err: the rest is for answers that differ and are solved all the same
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """What one pass over the questions says. `number` counts probes from 1.

    `n` questions were answered now and before, `n_missing` were not. `before` and `now` are the shares solved, `shift`
    their difference (now less before). `flips` is the share of answers that differed from one earlier pass to the next,
    None where there was only one. A test that fell to `allowed` or below says "changed": `p_solved` of what is solved,
    `p_answers` of what is said. `odds` is the probability that a shift of `least` would have been noticed.
    """

    result: ProbeResult
    number: int
    n: int
    n_missing: int
    before: Estimate
    now: Estimate
    shift: Estimate | None
    flips: Estimate | None
    p_solved: float
    p_answers: float
    allowed: tuple[float, float]
    odds: float
    least: float
    text: str


def probed(solved: Codes, answers: Codes, *, number: int = 1, alpha: float = 0.05, least: float = 0.3) -> Probe:
    """What the last of several passes over the same questions says of the model.

    `solved` (questions, passes) is 1 where a pass solved a question, 0 where not, -1 where that is not known (it could
    not be asked, or not be scored); `answers` holds codes of what was said, equal for equal answers, -1 for none. The
    last column is the new pass, the `number`-th that is a probe. A model that has not changed is said to have changed
    with probability at most `alpha` in all probes there ever are. "The same" is said only where a shift of `least`
    would probably have been seen.

    >>> before, now = np.ones((50, 2), int), np.tile([1, 0], 25)[:, None]
    >>> probed(np.hstack([before, now]), np.hstack([before, now])).result
    'changed'
    """
    paired = (solved[:, -1] >= 0) & (solved[:, :-1] >= 0).any(axis=1)
    held = solved[paired]
    n, allowed = len(held), allowance(number, alpha)
    earlier, n_earlier = np.maximum(held[:, :-1], 0).sum(axis=1), (held[:, :-1] >= 0).sum(axis=1)
    now = held[:, -1] if n else np.zeros(0, np.int64)
    has_answers = solved.shape[1] > 2
    bars = (allowed * _OF_SOLVED, allowed * (1 - _OF_SOLVED)) if has_answers else (allowed, 0.0)
    p_solved = solved_p(now, earlier, n_earlier) if n else 1.0
    p_answers = answers_p(answers) if has_answers else 1.0
    odds = odds_of_noticing(least, earlier, n_earlier, bars[0]) if n else 0.0
    if n >= FEWEST and (p_solved <= bars[0] or p_answers <= bars[1]):
        result: ProbeResult = "changed"
    else:
        result = "same" if n >= FEWEST and odds >= _ENOUGH else "could not find out"
    before_share = wilson(float((earlier / np.maximum(n_earlier, 1)).sum()), n)
    now_share = wilson(float(now.sum()), n)
    found = Probe(
        result=result,
        number=number,
        n=n,
        n_missing=len(solved) - n,
        before=before_share,
        now=now_share,
        shift=_shift(held) if n else None,
        flips=_flips(answers) if has_answers else None,
        p_solved=p_solved,
        p_answers=p_answers,
        allowed=bars,
        odds=odds,
        least=least,
        text="",
    )
    return _with_text(found)


def _shift(held: Codes) -> Estimate:
    """Now less the pass before, where both are known, by Bonett and Price."""
    both = held[held[:, -2] >= 0]
    return bonett_price(
        int(((both[:, -1] == 1) & (both[:, -2] == 0)).sum()),
        int(((both[:, -1] == 0) & (both[:, -2] == 1)).sum()),
        len(both),
    )


def _flips(answers: Codes) -> Estimate | None:
    """How often an answer differed between two earlier passes that came one after the other."""
    first, second = answers[:, :-2], answers[:, 1:-1]
    both = (first >= 0) & (second >= 0)
    return wilson(float(((first != second) & both).sum()), int(both.sum())) if both.any() else None


def _with_text(found: Probe) -> Probe:
    from dataclasses import replace

    shares = f"it solves {found.now.text()} of {found.n} questions, and solved {found.before.text()} before"
    wavers = (
        "" if found.flips is None else f"; from one earlier pass to the next {found.flips.text()} of answers differed"
    )
    if found.result == "changed":
        why = f"p = {found.p_solved:.2g}, at most {found.allowed[0]:.2g} was allowed"
        if found.p_solved > found.allowed[0]:
            why = f"its answers are the odd ones out, p = {found.p_answers:.2g}, {found.allowed[1]:.2g} was allowed"
        return replace(found, text=f"the model has changed: {shares}{wavers}; {why}")
    if found.result == "same":
        seen = f"a shift of {100 * found.least:.0f} points would have been seen with {100 * found.odds:.0f} %"
        return replace(found, text=f"no change is seen: {shares}{wavers}; {seen}")
    if found.n < FEWEST:
        lost = f" ({found.n_missing} were not)" if found.n_missing else ""
        why = f"only {found.n} questions were answered now and before{lost}, and {FEWEST} are needed"
    else:
        why = (
            f"{shares}{wavers}; a shift of {100 * found.least:.0f} points would have been seen with "
            f"{100 * found.odds:.0f} % only"
        )
    return replace(found, text=f"it could not be found out whether the model has changed: {why}")

"""The standing of a candidate that a race stopped asking early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from merits.core.evaluation import Evaluation, Raced
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.deciding.assisted import assisted_quality
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.decide import decide
from tests.deciding.evaluations import evaluation_of


def raced(*, failed: int = 0, seed: int = 0) -> Evaluation:
    """A dear candidate that was asked 250 of 1,000 examples, and two cheap ones that were asked all."""
    generator = np.random.default_rng(seed)
    hard = generator.random(1000)
    asked = generator.permutation(1000) < 250
    status = np.where(asked, Status.SCORED, Status.MISSING)
    status[np.flatnonzero(asked)[:failed]] = Status.FAILED
    noise = generator.normal(0.0, 0.1, size=(3, 1000))
    solved = {name: hard + noise[k] < bar for k, (name, bar) in enumerate([("dear", 0.8), ("a", 0.75), ("b", 0.7)])}
    return evaluation_of(solved, status={"dear": status})


def test_a_candidate_that_was_asked_a_part_has_its_quality_over_all() -> None:
    """With the gain that it brought, in the standing and in words."""
    decision = decide(raced(), Needs())
    dear, cheap = decision.standing("dear"), decision.standing("a")
    assert dear.quality is not None
    assert dear.quality_assisted is not None
    assert dear.assisted_variance is not None
    assert dear.assisted_variance < 0.7
    assert dear.quality.n == dear.quality_assisted.n == 250
    widths = [(e.high or 1) - (e.low or 0) for e in (dear.quality_assisted, dear.quality)]
    assert widths[0] < 0.9 * widths[1]
    assert (cheap.quality_assisted, cheap.assisted_variance) == (None, None)
    assert "with the help of the candidates that were asked all" in next(
        reason.text for reason in decision.reasons if reason.code == "assisted"
    )


def test_what_is_missing_because_of_failures_is_never_filled_in() -> None:
    """A candidate that failed and was given up left no random part."""
    standing = decide(raced(failed=3), Needs()).standing("dear")
    assert (standing.quality_assisted, standing.assisted_variance) == (None, None)


def stopped(seed: int, after: int = 300) -> Evaluation:
    """The same candidates in a race that asked 800 of the examples, and dropped the dear one after some of them."""
    generator = np.random.default_rng(seed)
    place = generator.permutation(1000)
    asked = np.array([after, 800, 800])
    evaluation = raced(seed=seed)
    status = np.where(place < asked[:, None], Status.SCORED, Status.MISSING).astype(np.int8)
    hard = np.random.default_rng(seed).random(1000)
    solved = (hard < np.array([0.8, 0.75, 0.7])[:, None]) & (status == Status.SCORED)
    order = Raced(
        mode="certified",
        target="traffic",
        delta=0.05,
        seed=0,
        place=place,
        rounds=np.array([after, 800]),
        asked=asked,
        stopped="decided",
    )
    return replace(evaluation, status=status, solved=solved, value=solved * 1.0, raced=order)


def test_a_race_helps_whom_it_dropped_with_those_that_went_on() -> None:
    """Over the 800 examples that the others were asked, with an interval that holds at every look."""
    cases = Cases(stopped(0), POLICIES[0])
    found = assisted_quality(cases, 0, 0.95)
    assert found is not None
    assert (found.used, found.n, found.n_all) == (True, 300, 800)
    assert assisted_quality(cases, 1, 0.95) is None
    plain, helped = cases.rate(cases.solved[0], cases.counted[0], 0.95), found.estimate
    assert (helped.high or 1) - (helped.low or 0) < (plain.high or 1) - (plain.low or 0)


def test_help_holds_at_every_look() -> None:
    """Whoever looks after every 50 answers is wrong at any time in at most 5 % (here 60 races: 3.5 s.e. of slack)."""
    wrong = 0
    for seed in range(60):
        looks = (assisted_quality(Cases(stopped(seed, after), POLICIES[0]), 0, 0.95) for after in range(100, 750, 50))
        ends = [(look.estimate.low or 0.0, look.estimate.high or 1.0) for look in looks if look is not None]
        wrong += any(not low <= 0.8 <= high for low, high in ends)
    assert wrong / 60 <= 0.05 + 3.5 * (0.05 * 0.95 / 60) ** 0.5

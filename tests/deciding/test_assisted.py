"""The standing of a candidate that a race stopped asking early."""

from __future__ import annotations

import numpy as np

from merits.core.evaluation import Evaluation
from merits.core.needs import Needs
from merits.core.outcome import Status
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

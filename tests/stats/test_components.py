"""Components of variance: the textbook's formula where the design is balanced, and what they say of spending."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import components


def test_components_are_those_of_the_analysis_of_variance() -> None:
    """Mean squares of the balanced nested design: examples, runs within them, judgements within those."""
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(40, 1, 1)) + generator.normal(size=(40, 3, 1)) + generator.normal(size=(40, 3, 2))
    runs, examples = scores.mean(axis=2), scores.mean(axis=(1, 2))
    judge = ((scores - runs[..., None]) ** 2).sum() / (40 * 3)
    of_runs = 2 * ((runs - examples[:, None]) ** 2).sum() / (40 * 2)
    of_examples = 6 * ((examples - examples.mean()) ** 2).sum() / 39
    slow = ((of_examples - of_runs) / 6, (of_runs - judge) / 2, judge)
    assert components(scores, generator).variances == pytest.approx(slow)


def test_missing_scores_change_the_weights_and_not_the_truth() -> None:
    """Runs and judgements left out at random."""
    generator = np.random.default_rng(1)
    scores = generator.normal(0, 2, (4000, 1)) + generator.normal(0, 1, (4000, 4))
    scores[generator.random(scores.shape) < 0.4] = np.nan
    assert components(scores, generator).variances[:2] == pytest.approx((4.0, 1.0), rel=0.1)


def test_one_run_of_each_tells_nothing() -> None:
    """Example and run cannot be told apart then."""
    found = components(np.random.default_rng(0).random((50, 1)), np.random.default_rng(0))
    assert (found.example, found.run, found.judge) == (None, None, None)


def test_groups_of_examples_are_fewer_pieces_of_evidence() -> None:
    """Copies of an example do not make the shares surer."""
    generator = np.random.default_rng(2)
    scores = (generator.random((60, 3)) < generator.random((60, 1))) * 1.0
    alone = components(scores, generator)
    copied = components(np.repeat(scores, 5, axis=0), generator, np.repeat(np.arange(60), 5))
    assert alone.example is not None
    assert copied.example is not None
    assert copied.n == 60
    width = [(e.high or 0) - (e.low or 0) for e in (alone.example, copied.example)]
    assert width[1] == pytest.approx(width[0], rel=0.15)

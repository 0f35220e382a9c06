"""The improver contract, on an improver that really proposes and chooses, and on ones that break it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.testing.contracts.improver import ImproverContract, brief_of, drive

Asking = Generator[Trials, Evaluation, Sequence[Candidate]]


def halving(brief: Brief) -> Asking:
    """Two variations of each, then the better half of what is left, until one is."""
    left = [
        Candidate(name=f"{seed.name} +{n}", kind=seed.kind, params={**seed.params, "n": n})
        for seed in brief.seeds
        for n in range(2)
    ]
    while len(left) > 1:
        evaluation = yield Trials(left)
        order = evaluation.solved.mean(axis=1).argsort()[::-1]
        left = [left[i] for i in order[: len(left) // 2]]
    return left


class TestHalving(ImproverContract):
    """The contract, on successive halving."""

    def make_improver(self) -> Improver:
        """It keeps nothing between runs."""
        return halving


def test_an_improver_that_never_ends_is_found_out() -> None:
    """It would spend any budget."""

    def endless(brief: Brief) -> Asking:
        while True:
            yield Trials(brief.seeds)

    with pytest.raises(AssertionError, match="must end"):
        drive(endless, brief_of([Candidate(name="a", kind="constant")]))


def test_an_improver_that_keeps_what_nobody_evaluated_breaks_the_contract() -> None:
    """The suite must be able to fail."""

    class Guessing(ImproverContract):
        def make_improver(self) -> Improver:
            def guess(brief: Brief) -> Asking:
                yield Trials(brief.seeds)
                return [Candidate(name="guess", kind="constant", params={"output": "never tried"})]

            return guess

    with pytest.raises(AssertionError):
        Guessing().test_it_keeps_only_what_was_evaluated_or_was_there_before()

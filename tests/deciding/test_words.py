"""The paragraph: four to seven sentences, every number with its interval, the same story as the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from merits.core.candidate import Candidate, Price
from merits.core.decision import Decision
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.decide import decide
from tests.deciding.evaluations import evaluation_of, first


def decisions() -> Iterator[Decision]:
    generator = np.random.default_rng(0)
    n = 300
    for bar in (None, 0.5, 0.8, 0.95):
        for worth in (None, 1.0):
            for share in (0.0, 0.1):
                solved = {f"m{k}": generator.random(n) < 0.6 + 0.08 * k for k in range(4)}
                status = {"m1": np.where(generator.random(n) < share, Status.FAILED, Status.SCORED)}
                cost = {f"m{k}": generator.random(n) * (k + 1) / 1000 for k in range(3)}
                requirements = () if bar is None else (Requirement(metric="accuracy", op=">=", bar=bar),)
                needs = Needs(requirements=requirements, worth_of_solved=worth, loss_of_wrong=0.5)
                yield decide(evaluation_of(solved, status=status, cost=cost), needs)


def test_every_percentage_has_its_interval() -> None:
    """No naked number: a percentage is followed by its interval, or is one of its ends, a level or a bar."""
    for decision in decisions():
        outside = re.sub(r"\[[^\]]*\]", "[]", decision.summary)
        for found in re.finditer(r"[-+]?\d[\d.,]* (%|points|USD)(?! \[\])", outside):
            rest = outside[found.start() :]
            planned = outside[: found.start()].endswith("with probability ")  # the power of advice: no measurement
            at_most = "as much as" in outside[: found.start()][-12:]
            bound = outside[: found.start()].endswith(("above ", "under "))  # an end of the draws' interval
            assert planned or at_most or bound or rest.startswith("95 % interval"), decision.summary


def test_there_are_three_to_ten_sentences_and_no_gaps() -> None:
    """Short enough to be read, and no part is missing."""
    for decision in decisions():
        sentences = re.split(r"(?<=[.])\s+(?=[A-Za-z])", decision.summary)
        assert 3 <= len(sentences) <= 10, decision.summary
        assert "  " not in decision.summary
        assert " None" not in decision.summary
        assert "nan" not in decision.summary


def test_what_would_change_it_and_the_next_step_are_always_said() -> None:
    """A decision that leaves the reader nothing to do is half a decision."""
    for decision in decisions():
        assert len(decision.what_would_change_it) > 20
        assert decision.next_step.endswith((".", "!"))


@pytest.mark.parametrize(
    ("verdict", "begins", "decision"),
    [
        ("adopt", "Adopt a.", decide(evaluation_of({"a": first(450, 500), "b": first(300, 500)}))),
        ("keep", "Keep a.", decide(evaluation_of({"a": first(450, 500), "b": first(450, 500)}), Needs(incumbent="a"))),
        ("undecided", "Undecided: ", decide(evaluation_of({"a": first(6, 10), "b": first(5, 10)}))),
    ],
)
def test_the_verdict_comes_first(verdict: str, begins: str, decision: Decision) -> None:
    """A manager reads one sentence."""
    assert decision.verdict == verdict
    assert decision.summary.startswith(begins)
    assert str(decision) == decision.summary


def test_an_undecided_summary_ends_with_what_would_settle_it() -> None:
    """The number of examples, in the paragraph itself."""
    decision = decide(evaluation_of({"a": first(14, 20), "b": np.roll(first(10, 20), 8)}))
    assert decision.summary.endswith(decision.next_step)
    assert re.search(r"About \d+ more examples", decision.next_step)


def test_one_example_is_not_examples() -> None:
    """Neither are groups of which there is one."""
    assert "1 example)" in decide(evaluation_of({"a": [True], "b": [False]})).summary
    together = evaluation_of({"a": first(3, 4), "b": first(2, 4)}, group=np.zeros(4))
    assert "1 group of examples)" in decide(together).summary


def test_equal_candidates_are_advised_to_bound_the_loss() -> None:
    """No number of examples shows which of two equal ones is better."""
    solved = np.arange(40) % 4 > 0
    step = decide(evaluation_of({"a": solved, "b": np.roll(solved, 1)})).next_step
    assert "by more than the tie margin" in step
    assert "with probability 80 %" in step


def test_a_price_without_a_batch_rate_is_not_said_to_be_no_price() -> None:
    """Who gave a price and ran with --batch is told what is missing in it, and a factor mends it."""
    evaluation = evaluation_of({"rented": first(40, 50)})

    def summary(price: Price | None) -> str:
        rented = Candidate(name="rented", kind="chat", params={"model": "m"}, price=price)
        batched = {"batch": np.ones((1, 50), bool)}
        return decide(replace(evaluation, candidates=(rented,), services=batched)).summary

    rates = Price(input_per_million=0.15, output_per_million=0.6)
    assert "it has no price." in summary(None)
    assert "says nothing of answers served as batch (batch_factor: 0.5, or services: {batch: ...})" in summary(rates)

"""The verdict on a rollout: what takes over, what is taken back, and what is said while it is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.monitoring.rollout_tests import Bounds, judge_rollout

MISSING, SCORED, FAILED, UNSCORED = (int(status) for status in Status)


def live(
    status: np.ndarray, solved: np.ndarray, *, seconds: float = 0.1, group: np.ndarray | None = None
) -> Evaluation:
    """A champion and a challenger, (2, rows)."""
    n = status.shape[1]
    solved = solved & (status == SCORED)
    return Evaluation(
        task="t" * 32,
        task_name="tickets",
        kind="generation",
        split="live",
        candidates=(Candidate(name="tickets@1", kind="constant"), Candidate(name="tickets@2", kind="constant")),
        versions=("a", "b"),
        scorer="exact",
        examples=np.array([f"r{i}" for i in range(n)]),
        input_hashes=np.array([f"{i:032x}" for i in range(n)]),
        repeats=np.zeros(n, np.int32),
        perturbations=np.full(n, "", dtype="U1"),
        group=np.arange(n, dtype=np.int32) if group is None else group,
        tags={},
        status=status.astype(np.int8),
        value=solved.astype(float),
        solved=solved,
        scores={},
        latency_s=np.full((2, n), seconds),
        machine_s=np.zeros((2, n)),
        tokens={},
        attempts=np.ones((2, n), np.int32),
        cost=np.full((2, n), 0.001),
        priced=np.array([True, True]),
        currency="USD",
    )


def shadowed(n: int, old: float, new: float, seed: int = 0) -> Evaluation:
    """Both answered every request."""
    rng = np.random.default_rng(seed)
    return live(np.full((2, n), SCORED), rng.random((2, n)) < np.array([[old], [new]]))


def canaried(n: int, old: float, new: float, share: float = 0.2, seed: int = 0) -> Evaluation:
    """Each request was answered by one of them."""
    rng = np.random.default_rng(seed)
    to_new = rng.random(n) < share
    status = np.where(np.stack([~to_new, to_new]), SCORED, MISSING)
    return live(status, rng.random((2, n)) < np.array([[old], [new]]))


def said(evaluation: Evaluation, *, paired: bool, **bounds: float) -> str:
    return judge_rollout(evaluation, "tickets@1", "tickets@2", paired=paired, bounds=Bounds(**bounds)).verdict


@pytest.mark.parametrize("paired", [True, False])
def test_what_is_better_takes_over_and_what_is_worse_is_taken_back(paired: bool) -> None:
    """Whichever way the requests were shared out."""
    make = shadowed if paired else canaried
    assert said(make(2000, 0.7, 0.9), paired=paired) == "promote"
    assert said(make(2000, 0.9, 0.7), paired=paired) == "roll back"
    assert said(make(40, 0.8, 0.8), paired=paired) == "go on"


def test_a_challenger_that_always_fails_is_taken_back_within_few_requests() -> None:
    """No label is needed for that."""
    for n in range(1, 60):
        status = np.stack([np.full(n, UNSCORED), np.full(n, FAILED)])
        if said(live(status, np.zeros((2, n), bool)), paired=True) == "roll back":
            break
    assert n <= 15
    for n in range(10, 200):
        to_new = np.arange(n) % 10 == 9
        status = np.where(np.stack([~to_new, to_new]), np.array([[UNSCORED], [FAILED]]), MISSING)
        if said(live(status, np.zeros((2, n), bool)), paired=False) == "roll back":
            break
    assert to_new.sum() <= 6


def test_a_slow_challenger_is_taken_back() -> None:
    """Where it is said what is too slow."""
    slow = shadowed(200, 0.9, 0.9)
    slow = replace(slow, latency_s=np.stack([np.full(200, 0.2), np.full(200, 2.0)]))
    assert said(slow, paired=True) == "go on"
    assert said(slow, paired=True, slow_s=1.0) == "roll back"


def test_a_dearer_challenger_is_taken_back_where_that_is_said() -> None:
    """A better one may cost more, unless it may not."""
    rng = np.random.default_rng(0)
    dear = replace(shadowed(400, 0.9, 0.9), cost=np.stack([rng.random(400), 1.5 * rng.random(400)]))
    assert said(dear, paired=True, dearer=1.0) != "roll back"
    assert said(dear, paired=True, dearer=0.1) == "roll back"


def test_while_it_is_not_known_it_says_how_many_more_requests_settle_it() -> None:
    """A guess, but one that is of the right size."""
    early = judge_rollout(shadowed(150, 0.9, 0.9), "tickets@1", "tickets@2", paired=True)
    assert early.verdict == "go on"
    assert early.more_requests is not None
    assert 50 < early.more_requests < 20_000
    assert "more requests like these" in early.text
    few = judge_rollout(shadowed(5, 0.9, 0.9), "tickets@1", "tickets@2", paired=True)
    assert (few.more_requests, few.n_challenger) == (None, 5)


def test_without_any_feedback_nothing_is_promoted() -> None:
    """That nothing failed is not that it was right."""
    n = 3000
    found = judge_rollout(
        live(np.full((2, n), UNSCORED), np.zeros((2, n), bool)), "tickets@1", "tickets@2", paired=True
    )
    assert found.verdict == "go on"
    assert found.comparisons[0].champion.value is None
    assert found.comparisons[1].within


def test_users_are_the_units_of_a_canary() -> None:
    """A thousand requests of two users are two pieces of evidence."""
    n = 1000
    to_new = np.arange(n) % 2 == 1
    status = np.where(np.stack([~to_new, to_new]), SCORED, MISSING)
    solved = np.stack([np.zeros(n, bool), np.ones(n, bool)])
    one = judge_rollout(live(status, solved, group=to_new.astype(np.int32)), "tickets@1", "tickets@2", paired=False)
    assert (one.verdict, one.units, one.n_challenger) == ("go on", "users", 1)
    assert said(live(status, solved), paired=False) == "promote"


def test_every_number_has_its_interval() -> None:
    """No naked numbers."""
    found = judge_rollout(canaried(500, 0.8, 0.8), "tickets@1", "tickets@2", paired=False)
    assert [each.name for each in found.comparisons] == ["solved", "failures", "latency", "cost"]
    for each in found.comparisons:
        for estimate in (each.champion, each.challenger, each.difference):
            assert estimate.value is not None
            assert estimate.low is not None
            assert estimate.high is not None
            assert estimate.low <= estimate.value + 1e-9 <= estimate.high + 2e-9


def priced(evaluation: Evaluation, new: float, *, known: bool = True) -> Evaluation:
    """With what an answer of the challenger costs, where 0.001 is what one of the champion does."""
    cost = np.array([[0.001], [new]]) * np.ones_like(evaluation.cost)
    return replace(evaluation, cost=cost, priced=np.array([True, known]))


@pytest.mark.parametrize("paired", [True, False])
def test_where_its_cost_is_limited_it_must_certainly_be_within_that(paired: bool) -> None:
    """A cost that is not known, of a single answer, is none that is within a limit."""
    good = (shadowed if paired else canaried)(2000, 0.7, 0.9)
    assert said(priced(good, 0.0011), paired=paired, dearer=0.2) == "promote"
    assert said(priced(good, 0.1), paired=paired, dearer=0.2) == "roll back"
    found = judge_rollout(
        priced(good, 0.1, known=False), "tickets@1", "tickets@2", paired=paired, bounds=Bounds(dearer=0.2)
    )
    assert found.verdict == "go on"
    assert "what some answers of tickets@2 cost is not known" in found.text
    assert said(priced(good, 0.1, known=False), paired=paired) == "promote"


def test_a_cost_near_its_limit_holds_a_promotion_up_until_it_is_known() -> None:
    """And says about how many more requests that takes."""
    good = shadowed(2000, 0.7, 0.9)
    noise = np.random.default_rng(2).exponential(size=good.cost.shape)
    near = replace(good, cost=noise * np.array([[0.001], [0.00115]]))
    found = judge_rollout(near, "tickets@1", "tickets@2", paired=True, bounds=Bounds(dearer=0.2))
    assert found.verdict == "go on"
    assert "Not known yet: cost" in found.text
    assert found.more_requests is not None


def test_failed_answers_are_paid_for_too() -> None:
    """Nobody is cheaper for having failed where that is dear."""
    status = np.full((2, 2000), SCORED)
    status[1, :20] = FAILED
    cost = np.full((2, 2000), 0.001)
    cost[1, :20] = 1.0
    evaluation = replace(live(status, np.random.default_rng(0).random((2, 2000)) < 0.97), cost=cost)
    found = judge_rollout(evaluation, "tickets@1", "tickets@2", paired=True, bounds=Bounds(dearer=0.2))
    (cost_of,) = [one for one in found.comparisons if one.name == "cost"]
    assert cost_of.challenger.value == pytest.approx(0.001 + 20 * 0.999 / 2000)
    assert found.verdict != "promote"

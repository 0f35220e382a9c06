"""What is lost under a perturbation: at every strength, of rates and of measures of all answers, paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, roc_auc_score

from merits.core.decision import RequirementResult
from merits.core.errors import RequirementError
from merits.core.evaluation import Counted, Evaluation, Labels
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.racing import Racing
from merits.core.robustness import Level, Robustness, Strengths, level_id
from merits.core.task import Example, ScorerSpec, Task
from merits.deciding.bars import raced_bars
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.decide import decide
from merits.deciding.drops import drop_of_rows, partners_of
from merits.deciding.measuring import dropped
from merits.deciding.metrics import Question, check_requirement
from merits.deciding.racing import schedule
from merits.deciding.requirements import required
from merits.stats.noninferiority import difference_bounds
from merits.tasks.make import make_task
from merits.tasks.requirements import parse_requirement
from tests.deciding.evaluations import evaluation_of


def perturbed(
    clean: np.ndarray, *noisy: np.ndarray, name: str = "typos", strengths: tuple[float, ...] = ()
) -> Evaluation:
    """One candidate on n examples as they are, and on the same ones at each strength."""
    n, strengths = len(clean), strengths or (0.02, 0.05, 0.1)[: len(noisy)]
    ids = [level_id(name, strength) for strength in strengths]
    found = evaluation_of(
        {"a": np.concatenate([clean, *noisy])},
        perturbations=np.repeat(["", *ids], n),
        group=np.tile(np.arange(n), 1 + len(noisy)),
    )
    levels = tuple(Level(one, name, f"{one} v1", s) for one, s in zip(ids, strengths, strict=True))
    return replace(found, examples=np.tile(found.examples[:n], 1 + len(noisy)), levels=levels)


def solved(k: int, n: int = 400) -> np.ndarray:
    return np.arange(n) < k


def judged(evaluation: Evaluation, text: str) -> RequirementResult:
    needs = Needs(requirements=(parse_requirement(text),))
    return required(Cases(evaluation, POLICIES[0]), needs, 0, 1)[0]


def test_every_strength_must_hold() -> None:
    holds = perturbed(solved(360), solved(360), solved(358), solved(357))
    assert judged(holds, "drop[typos] <= 5 points").met == "met"
    fails = perturbed(solved(360), solved(360), solved(358), solved(280))
    found = judged(fails, "drop[typos] <= 5 points")
    assert found.met == "not met"
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(0.2)
    assert "the worst of 3 levels (typos 0.1), the low end corrected for their number" in found.estimate.method


@pytest.mark.parametrize("text", ["drop[typos 0.05] <= 5 points", "drop under typos=0.05 <= 5 points"])
def test_one_strength_alone_can_be_required(text: str) -> None:
    fails = perturbed(solved(360), solved(360), solved(358), solved(280))
    found = judged(fails, text)
    assert found.met == "met"
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(0.005)


def test_one_strength_is_judged_as_a_paired_difference() -> None:
    """As the functions under it say by hand."""
    generator = np.random.default_rng(1)
    clean = generator.random(300) < 0.8
    noisy = clean & (generator.random(300) < 0.95)
    found = judged(perturbed(clean, noisy), "drop[typos] <= 5 points").estimate
    by_hand = difference_bounds(clean.astype(float), noisy.astype(float), None, 0.95)
    assert found is not None
    assert (found.value, found.low, found.high) == (by_hand.value, by_hand.low, by_hand.high)


def test_a_failing_level_needs_correction_and_a_passing_one_does_not() -> None:
    """The high end is that of the worst level at the level, the low end is wider than that of the worst alone."""
    evaluation = perturbed(solved(360), solved(340), solved(345))
    both, alone = (judged(evaluation, text).estimate for text in ("drop[typos] <= 1 pt", "drop[typos 0.02] <= 1 pt"))
    assert both is not None
    assert alone is not None
    assert both.high == alone.high
    assert both.low is not None
    assert alone.low is not None
    assert both.low < alone.low


def test_a_level_without_answers_leaves_it_open() -> None:
    evaluation = perturbed(solved(360), solved(360), solved(360))
    status = evaluation.status.copy()
    status[:, evaluation.perturbations == "typos 0.05"] = Status.MISSING
    assert judged(replace(evaluation, status=status), "drop[typos] <= 5 points").met == "not yet known"
    missed = perturbed(solved(360), solved(200), solved(360))
    assert judged(replace(missed, status=status), "drop[typos] <= 5 points").met == "not met"


def test_what_would_settle_it_is_told_of_the_level_that_seems_to_miss() -> None:
    found = judged(perturbed(solved(80, 100), solved(80, 100), solved(70, 100)), "drop[typos] <= 5 points")
    assert found.met == "not yet known"
    assert "under typos 0.05, which has 100" in found.settle
    assert "so far it misses it" in found.settle


def test_of_a_sample_only_those_that_are_perturbed_are_compared() -> None:
    """The others say nothing of a drop."""
    evaluation = perturbed(solved(360), solved(360))
    kept = np.r_[np.arange(400), 400 + np.arange(0, 400, 4)]
    arrays = ("examples", "input_hashes", "repeats", "perturbations", "group")
    wide = ("status", "value", "solved", "latency_s", "machine_s", "attempts", "cost")
    sampled = replace(
        evaluation,
        **{name: getattr(evaluation, name)[kept] for name in arrays},
        **{name: getattr(evaluation, name)[:, kept] for name in wide},
    )
    found = judged(sampled, "drop[typos] <= 5 points").estimate
    assert found is not None
    assert (found.n, found.value) == (100, 0.0)


def test_failures_under_a_perturbation_are_lost_or_left_out_by_policy() -> None:
    evaluation = perturbed(solved(400), solved(400))
    status = evaluation.status.copy()
    status[:, 400:440] = Status.FAILED
    evaluation = replace(evaluation, status=status, solved=evaluation.solved & (status == Status.SCORED))
    needs = Needs(requirements=(parse_requirement("drop[typos] <= 5 points"),))
    wrong, left_out = (required(Cases(evaluation, policy), needs, 0, 1)[0].estimate for policy in POLICIES)
    assert wrong is not None
    assert left_out is not None
    assert (wrong.value, wrong.n, left_out.value, left_out.n) == (0.1, 400, 0.0, 360)


def counting(errors: list[np.ndarray], words: np.ndarray, statistic: str = "error_rate") -> Evaluation:
    """An evaluation whose scorer counts: errors of words, as it is and at each strength."""
    n = len(words)
    evaluation = perturbed(*(np.zeros(n, bool) for _ in errors))
    values = np.stack([np.concatenate(errors), np.tile(words, len(errors))], axis=-1)[None].astype(float)
    return replace(evaluation, scorer="wer", counts={"wer": Counted(statistic, values)})


def test_an_error_rate_drops_by_rising() -> None:
    """Paired: what is equally hard as it is and perturbed cancels out."""
    generator = np.random.default_rng(0)
    words = generator.integers(5, 15, 300)
    hard = generator.binomial(words, 0.1)
    evaluation = counting([hard, hard + generator.binomial(words - hard, 0.05)], words)
    found = judged(evaluation, "drop(wer under typos) <= 10 points")
    assert found.met == "met"
    assert found.estimate is not None
    counts = evaluation.counts["wer"].values[0].reshape(2, 300, 2).sum(axis=1)
    assert found.estimate.value == pytest.approx(counts[1, 0] / counts[1, 1] - counts[0, 0] / counts[0, 1])
    assert found.estimate.low is not None
    assert found.estimate.high is not None
    assert found.estimate.high - found.estimate.low < 0.04, "unpaired it would be as wide as two error rates"
    assert judged(evaluation, "drop(wer under typos) <= 1 point").met == "not met"


def test_a_ratio_drops_by_falling() -> None:
    words = np.full(200, 10)
    evaluation = counting([np.full(200, 8), np.full(200, 6)], words, "ratio")
    found = judged(evaluation, "drop(wer under typos) <= 10 points").estimate
    assert found is not None
    assert found.value == pytest.approx(0.2)


def labelled(noise: float, n: int = 300) -> Evaluation:
    generator = np.random.default_rng(3)
    target = generator.integers(0, 2, n)
    predicted = [np.where(generator.random(n) < p, 1 - target, target) for p in (0.1, 0.1 + noise)]
    evaluation = perturbed(*(one == target for one in predicted))
    sure = np.concatenate([np.where(one == 1, 0.8, 0.2) + generator.normal(0, 0.05, n) for one in predicted])
    labels = Labels(
        ("no", "yes"),
        np.tile(target, 2).astype(np.int32),
        np.concatenate(predicted).astype(np.int32)[None],
        {0: np.stack([1 - sure, sure], axis=1).astype(np.float32)},
    )
    return replace(evaluation, labels=labels)


@pytest.mark.parametrize("metric", ["macro_f1", "roc_auc"])
def test_measures_of_labels_of_all_answers_drop_too(metric: str) -> None:
    """By what scikit-learn says of the two halves."""
    from sklearn.metrics import f1_score, roc_auc_score

    evaluation = labelled(0.2)
    labels = evaluation.labels
    assert labels is not None
    halves = (slice(0, 300), slice(300, 600))
    if metric == "macro_f1":
        values = [f1_score(labels.target[h], labels.predicted[0][h], average="macro") for h in halves]
    else:
        values = [roc_auc_score(labels.target[h], labels.probabilities[0][h, 1]) for h in halves]
    found = judged(evaluation, f"drop({metric} under typos) <= 50 points")
    assert found.met == "met"
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(values[0] - values[1], abs=2e-3)
    assert judged(evaluation, f"drop({metric} under typos) <= 1 point").met == "not met"


def test_recall_of_a_class_drops_too() -> None:
    evaluation = labelled(0.2)
    found = judged(evaluation, "drop(recall[yes] under typos) <= 50 points").estimate
    assert found is not None
    assert found.value is not None
    assert 0.1 < found.value < 0.3


def task(*perturbations: Strengths) -> Task:
    examples = tuple(Example(str(i), f"text {i}", "yes", split="test") for i in range(4))
    return Task(
        name="t",
        kind="classification",
        examples=examples,
        scorers=(ScorerSpec("label"),),
        classes=("no", "yes"),
        robustness=Robustness(perturbations),
    )


def test_a_run_refuses_a_drop_that_it_will_not_see_and_says_how_to_see_it() -> None:
    with pytest.raises(RequirementError, match=r"robustness: \{typos: default\}"):
        check_requirement(parse_requirement("drop[typos] <= 3 points"), task())
    asked = task(Strengths("typos", (0.02, 0.1)))
    check_requirement(parse_requirement("drop[typos] <= 3 points"), asked)
    check_requirement(parse_requirement("drop[typos 0.1] <= 3 points"), asked)
    check_requirement(parse_requirement("drop(macro_f1 under typos) <= 3 points"), asked)
    with pytest.raises(RequirementError, match=r"nothing is asked under 'typo' here\. Did you mean 'typos'"):
        check_requirement(parse_requirement("drop[typo] <= 3 points"), asked)
    with pytest.raises(RequirementError, match=r"Did you mean 'typos 0\.1'"):
        check_requirement(parse_requirement("drop[typos 0.11] <= 3 points"), asked)


def test_in_a_race_each_strength_is_a_gate() -> None:
    needs = Needs(requirements=(parse_requirement("drop[typos] <= 3 points"),))
    evaluation = perturbed(solved(360), solved(360), solved(200))
    assert [bar.under for bar in raced_bars(needs, evaluation)] == ["typos 0.02", "typos 0.05"]


def test_a_race_drops_who_certainly_loses_too_much_at_one_strength() -> None:
    """Though nobody solves more as it is."""
    n = 400
    solid, brittle = np.tile(solved(300, n), 3), np.r_[solved(320, n), solved(320, n), solved(0, n)]
    ids = ["typos 0.02", "typos 0.1"]
    evaluation = evaluation_of(
        {"solid": solid, "brittle": brittle}, perturbations=np.repeat(["", *ids], n), group=np.tile(np.arange(n), 3)
    )
    levels = tuple(Level(one, "typos", one) for one in ids)
    evaluation = replace(evaluation, examples=np.tile(evaluation.examples[:n], 3), levels=levels)
    needs = Needs(requirements=(parse_requirement("drop[typos] <= 5 points"),))
    rounds = schedule(Racing(at_once=4), needs, seed=0)(replace(evaluation, status=np.zeros_like(evaluation.status)))
    status = np.zeros_like(evaluation.status)
    now = next(rounds)
    try:
        while True:
            status[np.ix_(list(now.candidates), now.rows)] = Status.SCORED
            now = rounds.send(
                replace(evaluation, status=status.copy(), solved=evaluation.solved & (status == Status.SCORED))
            )
    except StopIteration as end:
        raced = end.value
    assert raced.asked[1] < raced.asked[0] or raced.asked[1] < n
    shown = replace(evaluation, status=status, solved=evaluation.solved & (status == Status.SCORED), raced=raced)
    assert decide(shown, needs).candidate == "solid"


def test_partners_are_the_same_example_and_repeat() -> None:
    evaluation = perturbed(solved(2, 3), solved(1, 3))
    clean = Cases(evaluation, POLICIES[0])
    assert partners_of(clean, replace(clean, perturbation="typos 0.02")).tolist() == [-1, -1, -1, 0, 1, 2]
    nothing = np.zeros(6, bool)
    assert drop_of_rows(clean, clean, (nothing.astype(float), nothing), (nothing.astype(float), nothing), 0.95) is None


@pytest.mark.parametrize("metric", ["pr_auc", "ece", "p95_latency"])
def test_a_drop_that_nobody_measures_is_refused_with_those_that_are(metric: str) -> None:
    """Before anything is asked; recall, precision and F1 of a label, macro F1 and log loss are measured."""
    rows = [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(20)]
    task = make_task(rows, robustness={"typos": [0.1]})
    said = r"has no drop that is measured. It can be required of accuracy, f1, label, log_loss, .*precision, .*recall"
    with pytest.raises(RequirementError, match=said):
        check_requirement(parse_requirement(f"drop({metric} under typos) <= 0.1"), task)


def test_drops_of_one_class_and_of_log_loss_are_those_of_scikit_learn() -> None:
    """On the examples that were answered both as they are and perturbed."""
    n, generator = 120, np.random.default_rng(0)
    target = generator.integers(0, 3, n)
    logits = np.stack([generator.normal(size=(n, 3)) + gain * np.eye(3)[target] for gain in (2.5, 1.0)])
    given = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    given = given.reshape(-1, 3).astype(np.float32)
    predicted, targets = given.argmax(axis=1), np.tile(target, 2)
    labels = Labels(("a", "b", "c"), targets.astype(np.int32), predicted[None].astype(np.int32), {0: given})
    evaluation = evaluation_of(
        {"m": predicted == targets},
        labels=labels,
        perturbations=np.repeat(["", "typos 0.1"], n),
        group=np.tile(np.arange(n), 2),
    )
    evaluation = replace(
        evaluation, examples=np.tile(evaluation.examples[:n], 2), levels=(Level("typos 0.1", "typos", "0.1"),)
    )
    sides = [slice(0, n), slice(n, 2 * n)]

    def losses(value: Callable[[slice], float]) -> float:
        return value(sides[0]) - value(sides[1])

    one = {"average": None, "labels": [1]}
    wide = given.astype(np.float64) / given.astype(np.float64).sum(axis=1, keepdims=True)
    expected = {
        "precision[b]": losses(lambda at: precision_score(target, predicted[at], **one)[0]),
        "f1[b]": losses(lambda at: f1_score(target, predicted[at], **one)[0]),
        "roc_auc[b]": losses(lambda at: roc_auc_score(target == 1, given[at, 1])),
        "log_loss": -losses(lambda at: log_loss(target, wide[at])),
    }
    for text, loss in expected.items():
        requirement = parse_requirement(f"drop({text} under typos) <= 0.1")
        check_requirement(requirement, evaluation)
        found = dropped(requirement, Question(Cases(evaluation, POLICIES[1]), Needs(), 0, 0.95), "typos 0.1", 0.95)
        assert found is not None
        assert found.value == pytest.approx(loss, abs=1e-6), text
        assert found.low is not None
        assert found.high is not None
        assert found.low < loss < found.high, text

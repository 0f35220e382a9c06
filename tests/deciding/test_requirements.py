"""Requirements: every metric, met, not met and not yet known; and errors that name the near miss."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from merits.core.decision import RequirementResult
from merits.core.errors import RequirementError
from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.deciding.metrics import metric_names
from merits.stats import clopper_pearson_bound
from tests.deciding.evaluations import evaluation_of, first


def labelled(n: int = 400, seed: int = 0) -> Evaluation:
    """Two classes, "fraud" in a quarter of the rows; one candidate that is right nine times of ten."""
    generator = np.random.default_rng(seed)
    target = (generator.random(n) < 0.25).astype(np.int32)
    right = generator.random(n) < 0.9
    predicted = np.where(right, target, 1 - target).astype(np.int32)
    fraud = np.clip(0.15 + 0.7 * predicted + generator.normal(0, 0.08, n), 0.01, 0.99)
    probabilities = np.stack([1 - fraud, fraud], axis=1).astype(np.float32)
    labels = Labels(("fine", "fraud"), target, predicted[None, :], {0: probabilities})
    return evaluation_of({"a": right}, labels=labels, tags={"language": np.where(np.arange(n) % 4 == 0, "de", "en")})


def result(evaluation: Evaluation, metric: str, op: str, bar: float, of: str = "") -> RequirementResult:
    requirement = Requirement(metric=metric, op=">=" if op == ">=" else "<=", bar=bar, of=of)
    (found,) = decide(evaluation, Needs(requirements=(requirement,))).standings[0].requirements
    return found


@pytest.mark.parametrize(
    ("metric", "of", "easy", "hard"),
    [
        ("accuracy", "", 0.8, 0.97),
        ("solved", "", 0.8, 0.97),
        ("quality", "", 0.8, 0.97),
        ("label", "", 0.8, 0.97),
        ("recall", "fraud", 0.7, 0.99),
        ("precision", "fraud", 0.5, 0.95),
        ("f1", "fraud", 0.6, 0.95),
        ("macro_f1", "", 0.7, 0.97),
        ("weighted_f1", "", 0.8, 0.97),
        ("macro_precision", "", 0.7, 0.97),
        ("macro_recall", "", 0.7, 0.97),
        ("roc_auc", "", 0.7, 0.99),
        ("roc_auc", "fraud", 0.7, 0.99),
        ("pr_auc", "", 0.5, 0.99),
        ("worst_slice", "language", 0.7, 0.99),
    ],
)
def test_a_rate_is_met_missed_or_open(metric: str, of: str, easy: float, hard: float) -> None:
    """An easy bar is met, a hard one is not, and one at the estimate is not yet known."""
    evaluation = labelled()
    easily = result(evaluation, metric, ">=", easy, of)
    assert easily.met == "met"
    assert easily.estimate is not None
    assert result(evaluation, metric, ">=", hard, of).met == "not met"
    there = easily.estimate.value
    assert there is not None
    at_the_bar = result(evaluation, metric, ">=", there - 0.002, of)
    assert at_the_bar.met == "not yet known"
    assert at_the_bar.settle != ""


@pytest.mark.parametrize(("metric", "easy", "hard"), [("log_loss", 0.8, 0.1), ("ece", 0.3, 0.0001)])
def test_what_should_be_small_is_met_missed_or_open(metric: str, easy: float, hard: float) -> None:
    """The same the other way round."""
    assert result(labelled(), metric, "<=", easy).met == "met"
    assert result(labelled(), metric, "<=", hard).met != "met"


def test_corpus_figures_are_scikit_learns() -> None:
    """The value is what scikit-learn's own function gives."""
    from sklearn.metrics import f1_score, roc_auc_score

    evaluation = labelled()
    labels = evaluation.labels
    assert labels is not None
    expected = {
        "macro_f1": f1_score(labels.target, labels.predicted[0], average="macro"),
        "roc_auc": roc_auc_score(labels.target, labels.probabilities[0][:, 1]),
    }
    for metric, value in expected.items():
        estimate = result(evaluation, metric, ">=", 0.5).estimate
        assert estimate is not None
        assert estimate.value == pytest.approx(value)


def test_p95_latency_is_met_exactly_where_enough_answers_are_in_time() -> None:
    """The bound of the percentile is under the bar if and only if the share in time is certainly over 95 %."""
    for slow in range(12):
        seconds = np.where(np.arange(200) < slow, 2.0, 0.1)
        found = result(evaluation_of({"a": np.ones(200)}, latency_s={"a": seconds}), "p95_latency", "<=", 0.8)
        in_time = float(clopper_pearson_bound(200 - slow, 200, 0.95, side="low"))
        assert (found.met == "met") == (in_time >= 0.95)


def test_p95_latency_is_open_under_59_answers() -> None:
    """Fifty fast answers do not exclude that one in fifteen is slow."""
    fast = evaluation_of({"a": np.ones(50)}, latency_s={"a": np.full(50, 0.1)})
    found = result(fast, "p95_latency", "<=", 0.8)
    assert found.met == "not yet known"
    assert "9 more examples" in found.settle
    enough = evaluation_of({"a": np.ones(59)}, latency_s={"a": np.full(59, 0.1)})
    assert result(enough, "p95_latency", "<=", 0.8).met == "met"


def test_an_answer_that_never_came_was_not_in_time() -> None:
    """With failures counted as wrong, a time-out is slower than any bar."""
    status = np.full(200, Status.SCORED)
    status[:30] = Status.FAILED
    evaluation = evaluation_of({"a": np.ones(200)}, status={"a": status}, latency_s={"a": np.full(200, 0.1)})
    found = result(evaluation, "p95_latency", "<=", 0.8)
    assert found.met == "not met"
    assert found.estimate is not None
    assert found.estimate.value is None


@pytest.mark.parametrize(
    ("metric", "easy", "hard"),
    [("cost_per_case", 0.02, 0.005), ("cost_per_1000", 20.0, 5.0), ("cost_per_solved", 0.03, 0.008)],
)
def test_money_is_met_or_missed(metric: str, easy: float, hard: float) -> None:
    """0.01 a case, 0.0125 a solved one."""
    evaluation = evaluation_of({"a": first(160, 200)}, cost={"a": np.full(200, 0.01)})
    assert result(evaluation, metric, "<=", easy).met == "met"
    assert result(evaluation, metric, "<=", hard).met == "not met"


def test_nothing_solved_certainly_misses_a_cost_per_solved_case() -> None:
    """Its lower bound stands, and is above the bar."""
    evaluation = evaluation_of({"a": np.zeros(200)}, cost={"a": np.full(200, 0.01)})
    found = result(evaluation, "cost_per_solved", "<=", 0.1)
    assert found.met == "not met"


def test_failure_rate_is_a_rate() -> None:
    """5 of 500 failed: certainly under 5 %, not certainly under 1 %."""
    status = np.full(500, Status.SCORED)
    status[:5] = Status.FAILED
    evaluation = evaluation_of({"a": np.ones(500)}, status={"a": status})
    assert result(evaluation, "failure_rate", "<=", 0.05).met == "met"
    assert result(evaluation, "failure_rate", "<=", 0.01).met == "not yet known"


def test_the_worst_slice_is_corrected_only_where_it_was_looked_for() -> None:
    """That all four clear the bar needs no correction (each must); that one of them misses it does."""
    tags = {"language": np.array(["de", "en", "fr", "it"] * 50)}
    evaluation = evaluation_of({"a": np.arange(200) % 10 > 0}, tags=tags)
    found = result(evaluation, "worst_slice", ">=", 0.7, "language")
    assert found.estimate is not None
    worst = min(int((np.arange(200) % 10 > 0)[k::4].sum()) for k in range(4))
    assert found.estimate.low == pytest.approx(float(clopper_pearson_bound(worst, 50, 0.95, side="low")))
    corrected = float(clopper_pearson_bound(worst, 50, 1 - 0.05 / 4, side="high"))
    assert found.estimate.high == pytest.approx(corrected)


def test_another_scorers_mean_can_be_required() -> None:
    """Its name is the metric."""
    evaluation = evaluation_of({"a": first(50, 100)}, scores={"tone": np.linspace(0.6, 1.0, 100)})
    assert result(evaluation, "tone", ">=", 0.7).met == "met"
    assert result(evaluation, "tone", ">=", 0.9).met == "not met"


def with_probabilities(n: int, generator: np.random.Generator, *, too_sure: float = 0.0) -> Evaluation:
    """Two classes and true probabilities, each moved away from one half by `too_sure`."""
    true = generator.uniform(0.02, 0.98, n)
    target = (generator.random(n) < true).astype(np.int32)
    said = np.clip(true + too_sure * np.sign(true - 0.5), 0.001, 0.999)
    predicted = (said > 0.5).astype(np.int32)
    labels = Labels(("no", "yes"), target, predicted[None, :], {0: np.stack([1 - said, said], 1).astype(np.float32)})
    return evaluation_of({"a": predicted == target}, labels=labels)


@pytest.mark.parametrize("n", [100, 400])
def test_true_probabilities_are_not_called_badly_calibrated(n: int) -> None:
    """The error found is never 0, by chance alone; the true one is, so no bar is certainly missed."""
    generators = [np.random.default_rng([n, seed]) for seed in range(30)]
    missed = [result(with_probabilities(n, g), "ece", "<=", 0.02).met == "not met" for g in generators]
    assert np.mean(missed) <= 0.05


def test_probabilities_that_are_far_too_sure_still_miss_the_bar() -> None:
    """Leaving out chance does not leave out all."""
    generators = [np.random.default_rng(seed) for seed in range(10)]
    missed = [result(with_probabilities(800, g, too_sure=0.25), "ece", "<=", 0.02).met == "not met" for g in generators]
    assert np.mean(missed) >= 0.8


def test_without_probabilities_a_calibration_bar_is_open() -> None:
    """No record is neither met nor missed, and says why."""
    evaluation = evaluation_of(
        {"a": first(50, 100)}, labels=Labels(("x", "y"), np.zeros(100, np.int32), np.zeros((1, 100), np.int32))
    )
    found = result(evaluation, "ece", "<=", 0.05)
    assert (found.met, found.estimate) == ("not yet known", None)
    assert "probabilities" in found.settle


def test_the_level_is_corrected_for_the_candidates_considered_and_says_so() -> None:
    """The one that is named was picked from four."""
    solved = {name: first(90, 100) for name in "abcd"}
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.8),))
    (found,) = decide(evaluation_of(solved), needs).standings[0].requirements
    assert found.estimate is not None
    assert found.estimate.level == pytest.approx(1 - 0.05 / 4)
    assert "corrected for 4 candidates" in found.estimate.method


def test_the_number_of_examples_said_would_settle_it() -> None:
    """Asked again with as many more at the same rate, it is settled."""
    found = result(evaluation_of({"a": first(42, 50)}), "accuracy", ">=", 0.8)
    more = int(found.settle.split()[1])
    n = 50 + more
    assert result(evaluation_of({"a": first(round(0.84 * n) + 1, n)}), "accuracy", ">=", 0.8).met == "met"


def test_groups_are_counted_as_groups() -> None:
    """Twenty groups of twenty examples: a hundred more examples in the same groups would show nothing."""
    group = np.repeat(np.arange(20), 20)
    solved = group % 5 > 0
    found = result(evaluation_of({"a": solved}, group=group), "accuracy", ">=", 0.7)
    assert found.met == "not yet known"
    said = re.match(r"About ([\d,]+) more groups of examples \(some ([\d,]+) examples\) would", found.settle)
    assert said is not None, found.settle
    groups, examples = (int(number.replace(",", "")) for number in said.groups())
    assert examples == pytest.approx(20 * groups, rel=0.1)


def test_repeats_of_an_example_are_no_group_of_examples() -> None:
    """Asked three times each, what is counted are still examples."""
    asked = evaluation_of({"a": np.arange(90) % 10 < 8}, group=np.repeat(np.arange(30), 3))
    again = replace(asked, examples=np.repeat(asked.examples[:30], 3))
    settle = result(again, "accuracy", ">=", 0.7).settle
    assert "more examples" in settle
    assert "group" not in settle


def test_one_example_more_is_said_in_the_singular() -> None:
    """58 fast answers lack one."""
    fast = evaluation_of({"a": np.ones(58)}, latency_s={"a": np.full(58, 0.1)})
    assert result(fast, "p95_latency", "<=", 0.8).settle.startswith("About 1 more example would")


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        (Requirement(metric="acuracy", op=">=", bar=0.9), "no metric 'acuracy' here. Did you mean 'accuracy'?"),
        (Requirement(metric="recall", op=">=", bar=0.9, of="fruad"), "'fruad'. Did you mean 'fraud'?"),
        (Requirement(metric="recall", op=">=", bar=0.9), "recall of what? Write recall[fine]"),
        (Requirement(metric="worst_slice", op=">=", bar=0.9, of="lang"), "'lang'. Did you mean 'language'?"),
        (Requirement(metric="accuracy", op=">=", bar=0.9, of="fraud"), "Leave the brackets out."),
    ],
)
def test_a_wrong_requirement_names_the_near_miss(requirement: Requirement, message: str) -> None:
    """The reader knows what to type."""
    with pytest.raises(RequirementError) as raised:
        decide(labelled(), Needs(requirements=(requirement,)))
    assert message in str(raised.value)


def test_metrics_of_labels_are_offered_only_where_there_are_labels() -> None:
    """A generation task has no recall."""
    assert "recall" in metric_names(labelled())
    names = metric_names(evaluation_of({"a": first(5, 10)}))
    assert "recall" not in names
    assert "worst_slice" not in names
    assert {"accuracy", "label", "p95_latency", "cost_per_solved"} <= set(names)


@pytest.mark.parametrize("counts", [(450, 450), (300, 300, 300), (873, 27)])
def test_a_perfect_macro_f1_meets_a_bar(counts: tuple[int, ...]) -> None:
    """No mistake in 900 is no reason to know nothing."""
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    labels = Labels(tuple("abc"[: len(counts)]), target, target[None])
    evaluation = evaluation_of({"perfect": np.ones(len(target), bool)}, labels=labels)
    (result,) = decide(evaluation, Needs(requirements=(Requirement("macro_f1", ">=", 0.8),))).standings[0].requirements
    assert result.met == "met"
    assert result.estimate is not None
    assert result.estimate.low is not None
    assert 0.9 < result.estimate.low < 1.0

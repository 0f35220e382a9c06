"""Measures of all answers together: required, compared on the same rows, and honest about failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from merits.core.evaluation import Counted, Evaluation, Labels
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import corpus_measures, counted_measure, paired_measure
from merits.deciding.decide import decide
from merits.deciding.metrics import check_requirement
from tests.deciding.evaluations import evaluation_of


def transcribed(errors: dict[str, float], n: int = 200, seed: int = 0, **more: object) -> Evaluation:
    """Transcripts of n utterances of 10 words, with so many errors per word."""
    generator = np.random.default_rng(seed)
    wrong = np.stack([generator.binomial(10, rate, n) for rate in errors.values()])
    solved = {name: wrong[k] == 0 for k, name in enumerate(errors)}
    evaluation = evaluation_of(solved, scores={"wer": 1 - wrong / 10}, **more)
    there = (evaluation.status == Status.SCORED)[..., None]
    counts = np.where(there, np.stack([wrong, np.full(wrong.shape, 10)], axis=-1), 0.0)
    return replace(evaluation, counts={"wer": Counted("error_rate", counts)})


def labelled(seed: int, n: int, share: float = 0.3, lift: tuple[float, ...] = (2.5, 1.5)) -> Evaluation:
    """Two classes, candidates of different strength that make related mistakes."""
    generator = np.random.default_rng(seed)
    target = (generator.random(n) < share).astype(np.int32)
    common = generator.normal(size=n)
    yes = [
        1 / (1 + np.exp(-(0.7 * common + 0.7 * generator.normal(size=n) + strength * target - 1.2)))
        for strength in lift
    ]
    predicted = np.stack([scores > 0.5 for scores in yes]).astype(np.int32)
    given = {k: np.stack([1 - scores, scores], axis=1).astype(np.float32) for k, scores in enumerate(yes)}
    labels = Labels(("no", "yes"), target, predicted, given)
    return evaluation_of({f"m{k}": predicted[k] == target for k in range(len(lift))}, labels=labels)


def test_an_error_rate_can_be_required() -> None:
    """`wer <= 0.10` is about all errors over all words, with a bound."""
    bar = Requirement(metric="wer", op="<=", bar=0.10)
    evaluation = transcribed({"good": 0.05, "bad": 0.2})
    check_requirement(bar, evaluation)
    decision = decide(evaluation, Needs(requirements=(bar,)))
    good, bad = (decision.standing(name).requirements[0] for name in ("good", "bad"))
    assert (good.met, bad.met) == ("met", "not met")
    assert bad.estimate is not None
    assert bad.estimate.value == pytest.approx(evaluation.counts["wer"].values[1, :, 0].sum() / 2000)


def test_what_could_not_be_asked_has_every_word_wrong() -> None:
    """Where failures count as wrong; left out, they are in no sum."""
    status = {"shaky": np.where(np.arange(200) < 20, Status.FAILED, Status.SCORED)}
    evaluation = transcribed({"sound": 0.0, "shaky": 0.0}, status=status)
    counting, answered = (counted_measure(Cases(evaluation, policy), "wer", 1, 0.95) for policy in POLICIES)
    assert counting is not None
    assert answered is not None
    assert (counting.value, counting.n) == (0.1, 200)
    assert (answered.value, answered.n) == (0.0, 180)


def test_no_error_in_a_few_transcripts_is_not_certain() -> None:
    """A percentile bootstrap would say 0 to 0."""
    found = counted_measure(Cases(transcribed({"a": 0.0, "b": 0.5}, n=20), POLICIES[0]), "wer", 0, 0.95)
    assert found is not None
    assert found.low == 0.0
    assert found.high == pytest.approx(0.19, abs=0.02)


def test_differences_are_those_of_the_statistics_on_common_rows() -> None:
    """Against scikit-learn's own F1 and area."""
    evaluation = labelled(0, 400)
    labels, cases = evaluation.labels, Cases(evaluation, POLICIES[1])
    assert labels is not None
    f1 = [f1_score(labels.target, labels.predicted[k], average="macro") for k in (0, 1)]
    area = [roc_auc_score(labels.target, labels.probabilities[k][:, 1]) for k in (0, 1)]
    for name, (first, second) in {"macro_f1": f1, "roc_auc": area}.items():
        found = paired_measure(cases, name, 0, 1)
        assert found is not None
        assert found.difference(0.95).value == pytest.approx(first - second)
        assert found.found.values == pytest.approx([first, second])


def test_paired_areas_vary_as_resampled_rows_do() -> None:
    """The slow definition: the area itself on resampled rows."""
    evaluation = labelled(1, 150)
    labels = evaluation.labels
    assert labels is not None
    found = paired_measure(Cases(evaluation, POLICIES[1]), "roc_auc", 0, 1)
    generator = np.random.default_rng(0)
    slow = []
    for rows in generator.integers(0, 150, size=(150, 150)):
        first, second = (roc_auc_score(labels.target[rows], labels.probabilities[k][rows, 1]) for k in (0, 1))
        slow.append(first - second)
    assert found is not None
    assert found.found.variance(0, 1) == pytest.approx(np.var(slow), rel=0.35)


def test_twins_are_never_certainly_equal() -> None:
    """That two agree on every row so far leaves open what they do on others."""
    evaluation = labelled(2, 60, lift=(2.0, 2.0))
    labels = evaluation.labels
    assert labels is not None
    same = replace(
        labels, predicted=labels.predicted[[0, 0]], probabilities=dict.fromkeys((0, 1), labels.probabilities[0])
    )
    for name in ("macro_f1", "roc_auc"):
        found = paired_measure(Cases(replace(evaluation, labels=same), POLICIES[1]), name, 0, 1)
        assert found is not None
        difference = found.difference(0.95)
        assert (difference.value, found.p_value) == (0.0, 1.0)
        assert (difference.high or 0) > 0.02


def test_many_rows_are_summed_before_they_are_resampled() -> None:
    """The value is that of all rows, and the spread that of so many."""
    small, large = (paired_measure(Cases(labelled(3, n), POLICIES[1]), "macro_f1", 0, 1) for n in (1_000, 40_000))
    assert small is not None
    assert large is not None
    assert large.found.n == 40_000
    assert large.found.variance(0, 1) == pytest.approx(small.found.variance(0, 1) / 40, rel=0.3)


def test_measures_are_those_there_is_a_record_of() -> None:
    """Classes give F1 and, with probabilities, areas; a scorer that counts gives its own."""
    assert list(corpus_measures(labelled(4, 20))) == ["macro_f1", "roc_auc"]
    assert corpus_measures(transcribed({"a": 0.1})) == {"wer": "errors over all that is right"}

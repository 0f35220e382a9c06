"""Stacking: it is scikit-learn's where that can do it, and does what that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from merits.candidates.ensembles.stacking import trust
from merits.candidates.registry import LoadContext, load, load_any
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Composite, Pupil, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.steps import replay
from merits.core.task import Example
from merits.evaluating.folds import assign_folds
from tests.candidates.ensembles.digits import CLASSES, diabetes, digits

Said = dict[int, dict[str, Answer]]


def sklearn(estimator: str, **params: JSON) -> Candidate:
    """An estimator on the raw numbers, so that scikit-learn's own ensembles see the same."""
    columns: JSON = {"estimator": "sklearn.feature_extraction.DictVectorizer", "params": {"sparse": False}}
    recipe: dict[str, JSON] = {"pipeline": [columns, {"estimator": estimator, "params": params}]}
    return Candidate(name=estimator.rpartition(".")[2], kind="sklearn", params=recipe)


CLASSIFIERS = (
    sklearn("sklearn.naive_bayes.GaussianNB"),
    sklearn("sklearn.tree.DecisionTreeClassifier", max_depth=6, random_state=0),
    sklearn("sklearn.neighbors.KNeighborsClassifier", n_neighbors=9),
)
REGRESSORS = (
    sklearn("sklearn.tree.DecisionTreeRegressor", max_depth=3, random_state=0),
    sklearn("sklearn.neighbors.KNeighborsRegressor", n_neighbors=9),
)


def stack(context: LoadContext, parts: Sequence[Candidate], **params: JSON) -> Composite:
    found = load_any(Candidate(name="together", kind="stack", params=params, parts=tuple(parts)), context)
    assert isinstance(found, Composite)
    assert isinstance(found, Pupil)
    return found


def taught(found: Composite, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> Composite:
    assert isinstance(found, Pupil)
    found.learn(examples, said)
    return found


def fitted_answers(
    part: Candidate, context: LoadContext, learned: Sequence[Example], asked: Sequence[Example]
) -> dict[str, Answer]:
    """What a part says after learning, by the hash of the input."""
    model = load(part, context)
    assert isinstance(model, Trainable)
    model.fit(learned)

    async def ask() -> list[Answer]:
        try:
            return list(await asyncio.gather(*(model.answer(one.input) for one in asked)))
        finally:
            await model.close()

    return {one.input_hash: answer for one, answer in zip(asked, asyncio.run(ask()), strict=True)}


def out_of_fold(
    parts: Sequence[Candidate], context: LoadContext, dev: Sequence[Example]
) -> tuple[Said, list[tuple[np.ndarray, np.ndarray]]]:
    """What parts say of dev, each fold after learning from the others, as the runner has it; and the folds."""
    fold = assign_folds(dev, context.task_kind, folds=4, seed=0)
    splits = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(4)]
    said: Said = {place: {} for place in range(len(parts))}
    for rest, held in splits:
        for place, part in enumerate(parts):
            said[place] |= fitted_answers(part, context, [dev[i] for i in rest], [dev[i] for i in held])
    return said, splits


def all_answers(found: Composite, asked: Sequence[Example], said: Said) -> list[Answer]:
    return [
        replay(found.steps(one.input), lambda part, key=one.input_hash: said[part][key])  # type: ignore[misc]
        for one in asked
    ]


def columns(examples: Sequence[Example]) -> np.ndarray:
    return np.array([list(example.input.values()) for example in examples])  # type: ignore[union-attr]


def test_it_predicts_what_scikit_learns_stacking_classifier_predicts() -> None:
    """On the same folds, with the same members and a logistic regression on top."""
    dev, test = digits()
    context = LoadContext(classes=CLASSES, env={})
    said, splits = out_of_fold(CLASSIFIERS, context, dev)
    found = taught(stack(context, CLASSIFIERS), dev, said)
    full = {place: fitted_answers(part, context, dev, test) for place, part in enumerate(CLASSIFIERS)}
    answers = all_answers(found, test, full)
    scikit = StackingClassifier(
        [
            ("nb", GaussianNB()),
            ("tree", DecisionTreeClassifier(max_depth=6, random_state=0)),
            ("knn", KNeighborsClassifier(9)),
        ],
        LogisticRegression(max_iter=2000),
        cv=splits,
    ).fit(columns(dev), [one.target for one in dev])
    mine = np.array([[(answer.probabilities or {})[name] for name in CLASSES] for answer in answers])
    theirs = scikit.predict_proba(columns(test))
    assert np.abs(mine - theirs).max() < 0.02
    assert [answer.output for answer in answers] == scikit.predict(columns(test)).tolist()


def test_of_two_classes_too() -> None:
    """There scikit-learn leaves out one of the two columns of each member."""
    dev = [one for one in digits()[0] if one.target in ("3", "8")]
    test = [one for one in digits()[1] if one.target in ("3", "8")]
    context = LoadContext(classes=("3", "8"), env={})
    parts = CLASSIFIERS[:2]
    said, splits = out_of_fold(parts, context, dev)
    found = taught(stack(context, parts), dev, said)
    full = {place: fitted_answers(part, context, dev, test) for place, part in enumerate(parts)}
    mine = [(answer.probabilities or {})["8"] for answer in all_answers(found, test, full)]
    scikit = StackingClassifier(
        [("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=6, random_state=0))],
        LogisticRegression(max_iter=2000),
        cv=splits,
    ).fit(columns(dev), [one.target for one in dev])
    assert mine == pytest.approx(scikit.predict_proba(columns(test))[:, 1].tolist(), abs=0.01)


def test_numbers_are_scikit_learns_stacking_regressor_with_ridge() -> None:
    """With its ridge regression on top; the non-negative default stays between what the parts say, or near."""
    dev, test = diabetes()
    context = LoadContext(task_kind="regression", env={})
    said, splits = out_of_fold(REGRESSORS, context, dev)
    full = {place: fitted_answers(part, context, dev, test) for place, part in enumerate(REGRESSORS)}
    found = taught(stack(context, REGRESSORS, numbers="ridge"), dev, said)
    scikit = StackingRegressor(
        [("tree", DecisionTreeRegressor(max_depth=3, random_state=0)), ("knn", KNeighborsRegressor(9))],
        RidgeCV(),
        cv=splits,
    ).fit(columns(dev), [one.target for one in dev])
    mine = [answer.output for answer in all_answers(found, test, full)]
    assert mine == pytest.approx(scikit.predict(columns(test)).tolist(), rel=1e-6)
    mixed = all_answers(taught(stack(context, REGRESSORS), dev, said), test, full)
    targets = np.array([one.target for one in test], float)
    errors = [
        np.square(np.array([said[one.input_hash].output for one in test]) - targets).mean() for said in full.values()
    ]
    assert np.square(np.array([answer.output for answer in mixed]) - targets).mean() < 1.01 * min(errors)


CASES = [Example(str(n), f"case {n}", ("ham", "spam")[n % 2], split="dev") for n in range(60)]
TWO = LoadContext(classes=("ham", "spam"), env={})
PAIR = tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in "ab")
LATE = Answer(failure=Failure("timeout", "late"))


def saying(right: Sequence[bool], wording: str = "{}") -> dict[str, Answer]:
    """Answers to the cases: the target where it is right, the other label elsewhere."""
    wrong = {"ham": "spam", "spam": "ham"}
    return {
        one.input_hash: Answer(wording.format(one.target if ok else wrong[str(one.target)]))
        for one, ok in zip(CASES, right, strict=True)
    }


def test_it_learns_whom_to_trust_and_reads_chat_answers() -> None:
    """One is right nine times of ten, the other a coin; chat answers are read as scorers read them."""
    good, coin = [n % 10 != 0 for n in range(60)], [n // 2 % 2 == 0 for n in range(60)]
    found = taught(stack(TWO, PAIR), CASES, {0: saying(coin, " {}. "), 1: saying(good, '{{"label": "{}"}}')})
    answer = replay(found.steps("new"), [Answer("Ham."), Answer('{"label": "spam"}')].__getitem__)
    assert answer.output == "spam"
    assert (answer.probabilities or {})["spam"] > 0.7


def test_a_part_that_always_errs_is_turned_round() -> None:
    """What is always wrong tells everything."""
    found = taught(stack(TWO, PAIR), CASES, {0: saying([False] * 60), 1: saying([n % 3 == 0 for n in range(60)])})
    assert replay(found.steps("new"), [Answer("ham"), Answer("ham")].__getitem__).output == "spam"


def test_a_part_that_fails_says_the_usual_and_all_that_fail_are_a_failure() -> None:
    """Failed is not wrong."""
    found = taught(stack(TWO, PAIR), CASES, {0: saying([True] * 60), 1: saying([True] * 60)})
    assert replay(found.steps("new"), [LATE, Answer("spam")].__getitem__).output == "spam"
    assert replay(found.steps("new"), [LATE, LATE].__getitem__).failure is not None


def test_a_teacher_that_failed_on_some_examples_is_used_on_the_rest() -> None:
    """Its answers are a part of what is known."""
    said = saying([True] * 60)
    some = {key: answer for place, (key, answer) in enumerate(said.items()) if place % 3}
    found = taught(stack(TWO, PAIR), CASES, {0: some, 1: saying([n % 2 == 0 for n in range(60)])})
    assert replay(found.steps("new"), [Answer("spam"), Answer("ham")].__getitem__).output == "spam"


def test_one_that_never_answered_is_named() -> None:
    """With what to do."""
    with pytest.raises(CandidateError, match="part 2 gave no answer of use to any of the 60 examples"):
        taught(stack(TWO, PAIR), CASES, {0: saying([True] * 60), 1: {}})


def test_the_inputs_themselves_can_count() -> None:
    """Where the parts know nothing, words decide."""
    words = {"ham": "lunch meeting agenda", "spam": "win cash prize"}
    examples = [Example(str(n), f"{words[label]} {n}", label) for n in range(20) for label in words]
    nothing = {one.input_hash: Answer("ham") for one in examples}
    found = taught(stack(TWO, PAIR, inputs=True), examples, {0: nothing, 1: nothing})
    said = [Answer("ham"), Answer("ham")].__getitem__
    assert replay(found.steps("cash prize for you"), said).output == "spam"
    assert replay(found.steps("the agenda of the meeting"), said).output == "ham"


def test_quantiles_are_combined_with_the_weights_of_the_numbers() -> None:
    """Where all parts tell them; two forecasts that are half and double of the truth."""
    context = LoadContext(task_kind="regression", env={})
    examples = [Example(str(n), f"day {n}", float(n + 1), split="dev") for n in range(30)]
    said = {
        place: {
            one.input_hash: Answer({"value": share * float(str(one.target)), "quantiles": {"0.1": 0.0, "0.9": 60.0}})
            for one in examples
        }
        for place, share in enumerate((0.5, 0.5))
    }
    found = taught(stack(context, PAIR), examples, said)
    new = Answer({"value": 4.0, "quantiles": {"0.1": 3.0, "0.9": 6.0}})
    output = replay(found.steps("day"), [new, new].__getitem__).output
    assert isinstance(output, dict)
    assert output["value"] == pytest.approx(8.0)
    assert list(output["quantiles"].values()) == pytest.approx([6.0, 12.0])


def test_texts_are_voted_on_with_learned_trust() -> None:
    """One good translator counts more than two poor ones that agree."""
    context = LoadContext(task_kind="generation", env={})
    parts = (*PAIR, Candidate(name="c", kind="constant", params={"output": "c"}))
    examples = [Example(str(n), f"question {n}", f"answer number {n}", split="dev") for n in range(40)]
    right = {one.input_hash: Answer(one.target) for one in examples}
    poor = {one.input_hash: Answer("I do not know at all") for one in examples}
    assert trust(examples, [right, poor], by_word=False)[1] == 0.0
    found = taught(stack(context, parts), examples, {0: poor, 1: poor, 2: right})
    said = [Answer("no idea"), Answer("no idea"), Answer("42")].__getitem__
    assert replay(found.steps("?"), said).output == "42"


def test_asked_before_it_learned_it_says_so() -> None:
    """A mistake of ours, not an answer."""
    with pytest.raises(RuntimeError, match="before it has learned"):
        replay(stack(TWO, PAIR).steps("?"), [LATE, LATE].__getitem__)


def test_lists_are_refused_with_the_next_step() -> None:
    """Nothing is learned from them."""
    with pytest.raises(CandidateError, match=r"recommendation here\. Take `kind: vote`"):
        stack(LoadContext(task_kind="recommendation", env={}), PAIR)

"""Evaluations to report on: from real models on real data, and synthetic ones of any size."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.decision import Decision
from merits.core.doors import AnswerKey
from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.core.task import Example
from merits.deciding.decide import decide


@dataclass(frozen=True)
class Made:
    """An evaluation with what a report needs beside it."""

    evaluation: Evaluation
    decision: Decision
    examples: tuple[Example, ...]
    said: Mapping[str, Mapping[AnswerKey, Answer]]

    def answers(self, version: str, keys: Collection[AnswerKey]) -> Mapping[AnswerKey, Answer]:
        return {key: answer for key in keys if (answer := self.said.get(version, {}).get(key)) is not None}


def labelled(
    names,
    classes,
    target,
    predicted,
    *,
    probabilities=None,
    needs=None,
    inputs=None,
    prices=None,
    latency_s=None,
    tags=None,
    group=None,
    status=None,
    tokens=None,
    facts=None,
    said=None,
    task_name="tickets",
) -> Made:
    """An evaluation of a classification, decided on. `predicted` has shape (candidates, rows)."""
    target, predicted = np.asarray(target, np.int32), np.asarray(predicted, np.int32)
    k, n = predicted.shape
    inputs = inputs or [f"input number {i}" for i in range(n)]
    tags = tags or {}
    examples = tuple(
        Example(
            id=f"row-{i}", input=inputs[i], target=classes[target[i]], tags={tag: str(v[i]) for tag, v in tags.items()}
        )
        for i in range(n)
    )
    status = np.full((k, n), Status.SCORED, np.int8) if status is None else np.asarray(status, np.int8)
    scored = status == Status.SCORED
    solved = (predicted == target) & scored
    candidates = tuple(
        Candidate(
            name=name, kind="python", params={"function": f"models:{i}"}, metadata={"licence": "MIT"} if i else {}
        )
        for i, name in enumerate(names)
    )
    versions = tuple(f"version-{i}" for i in range(k))
    cost = np.zeros((k, n))
    for i, price in enumerate(prices or [None] * k):
        cost[i] = price or 0.0
    latency = np.zeros((k, n)) if latency_s is None else np.asarray(latency_s)
    evaluation = Evaluation(
        task="0" * 32,
        task_name=task_name,
        kind="classification",
        split="test",
        candidates=candidates,
        versions=versions,
        scorer="label",
        examples=np.array([e.id for e in examples]),
        input_hashes=np.array([e.input_hash for e in examples]),
        repeats=np.zeros(n, np.int32),
        perturbations=np.array([""] * n),
        group=np.arange(n, dtype=np.int32) if group is None else np.asarray(group, np.int32),
        tags={tag: np.array([str(v) for v in values]) for tag, values in tags.items()},
        status=status,
        value=solved.astype(float),
        solved=solved,
        scores={},
        latency_s=latency,
        machine_s=latency / 2,
        tokens=tokens or {},
        attempts=np.where(status == Status.MISSING, 0, 1).astype(np.int32),
        cost=cost,
        priced=np.array([price is not None for price in prices or [None] * k]),
        currency="USD",
        labels=Labels(tuple(classes), target, np.where(scored, predicted, -1), probabilities or {}),
        facts=facts or {"python": "3.11.9", "numpy": "2.4.0", "data": "a1b2c3", "seed": "0"},
    )
    replies = (
        {
            versions[i]: {
                AnswerKey(examples[j].input_hash): _answer(said, i, j, status, classes, predicted) for j in range(n)
            }
            for i in range(k)
        }
        if n <= 5_000
        else {}
    )
    return Made(evaluation, decide(evaluation, needs), examples, replies)


def _answer(said, i, j, status, classes, predicted) -> Answer:
    if status[i, j] == Status.FAILED:
        return Answer(failure=Failure("timeout", "no answer within 60 s"))
    text = classes[predicted[i, j]] if predicted[i, j] >= 0 else "I would rather not say."
    return Answer(output=said(i, j) if said else text)


NEEDS = Needs(
    requirements=(
        Requirement("accuracy", ">=", 0.85, text="accuracy >= 0.85 @ 95%"),
        Requirement("p95_latency", "<=", 0.8, text="p95_latency <= 800 ms"),
    ),
    worth_of_solved=0.5,
    loss_of_wrong=2.0,
    volume_per_month=100_000,
)


def digits(needs=NEEDS, seed=0) -> Made:
    """Ten classes, five real models of scikit-learn's and one simulated remote one without a price."""
    from sklearn.datasets import load_digits
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    data, codes = load_digits(return_X_y=True)
    order = rng.permutation(len(codes))
    dev, test = order[:900], order[900:]
    models = {
        "commonest": DummyClassifier(),
        "tree": DecisionTreeClassifier(max_depth=12, random_state=0),
        "naive-bayes": GaussianNB(),
        "logistic": LogisticRegression(max_iter=2000, C=0.01),
        "neighbours": KNeighborsClassifier(3),
    }
    predicted, probabilities = [], {}
    for i, model in enumerate(models.values()):
        model.fit(data[dev], codes[dev])
        predicted.append(model.predict(data[test]))
        probabilities[i] = model.predict_proba(data[test]).astype(np.float32)
    target, n = codes[test], len(test)
    remote = np.where(rng.random(n) < 0.93, target, rng.integers(-1, 10, n))
    predicted.append(remote)
    status = np.full((6, n), Status.SCORED)
    status[5, rng.random(n) < 0.02] = Status.FAILED
    medians = [2e-5, 8e-5, 3e-4, 1.5e-4, 4e-3, 0.45]
    latency = np.stack([m * rng.lognormal(0, 0.35 + 0.1 * i, n) for i, m in enumerate(medians)])
    return labelled(
        [*models, "remote-large"],
        [str(c) for c in range(10)],
        target,
        predicted,
        probabilities=probabilities,
        needs=needs,
        prices=[1e-8, 4e-8, 1e-7, 6e-8, 2e-6, None],
        latency_s=latency,
        tags={"ink": np.where(data[test].sum(axis=1) > 310, "much", "little"), "quarter": 1 + np.arange(n) * 4 // n},
        status=status,
        tokens={
            "input": np.r_[np.zeros((5, n)), np.full((1, n), 180.0)],
            "output": np.r_[np.zeros((5, n)), np.full((1, n), 3.0)],
        },
        inputs=[f"an image of 8 x 8 points, number {i}" for i in test],
        task_name="digits",
    )


def synthetic(n: int, k: int = 10, n_classes: int = 4, seed=0, needs=None) -> Made:
    """Any number of rows, with probabilities from half of the candidates."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, n_classes, n)
    skill = np.linspace(0.5, 0.93, k)[:, None]
    predicted = np.where(rng.random((k, n)) < skill, target, rng.integers(0, n_classes, (k, n)))
    given = {}
    for i in range(k // 2, k):
        scores = rng.dirichlet(np.ones(n_classes), n) * 0.5
        scores[np.arange(n), predicted[i]] += 0.5
        given[i] = scores.astype(np.float32)
    return labelled(
        [f"candidate-{i}" for i in range(k)],
        [f"class {c}" for c in range(n_classes)],
        target,
        predicted,
        probabilities=given,
        needs=needs,
        prices=[10.0 ** (i / 2 - 6) for i in range(k)],
        latency_s=rng.lognormal(-5, 0.5, (k, n)) * np.arange(1, k + 1)[:, None],
        tags={"language": rng.choice(["de", "en", "fr", "it"], n)},
    )

"""Trials that read inputs alike fit what reads them once, and answer as if they had not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from merits.candidates.insides import insides_of
from merits.candidates.registry import LoadContext, load
from merits.candidates.shared_fits import SharedFits
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.task import Example

WORDS = ("good fine great", "bad awful poor")
TEXTS = [Example(f"t{n}", f"{WORDS[n % 2]} thing number {n}", ("neg", "pos")[n % 2]) for n in range(40)]
TABLE = [
    Example(f"r{n}", {"size": n, "colour": ("red", "blue")[n % 2], "kind": f"k{n % 3}"}, ("neg", "pos")[n % 2])
    for n in range(40)
]


def fitted(params: dict[str, JSON], examples: Sequence[Example], kind: str, *, trial: bool = True) -> Any:
    context = LoadContext(classes=("neg", "pos"), env={}, trial=trial)
    model: Any = load(Candidate(name="own", kind=kind, params=params), context)
    model.fit(examples)
    return model


def encoder_of(model: Any) -> object:
    insides = insides_of(model)
    assert insides is not None
    opened: Any = insides.open()
    return opened.estimator.steps[0][1]


def shares(model: Any, examples: Sequence[Example]) -> list[float]:
    async def all_at_once() -> list[float]:
        found = await asyncio.gather(*(model.answer(one.input) for one in examples))
        await model.close()
        return [answer.probabilities["pos"] for answer in found]

    return asyncio.run(all_at_once())


@pytest.mark.parametrize(
    ("kind", "first", "second", "examples"),
    [
        ("text-linear", {"strength": 1.0}, {"strength": 10.0, "balanced": True}, TEXTS),
        ("sklearn", {"C": 1.0}, {"C": 10.0}, TEXTS),
        ("sklearn", {"C": 1.0}, {"C": 10.0}, TABLE),
    ],
)
def test_trials_with_other_heads_share_what_reads_inputs(
    kind: str, first: dict[str, JSON], second: dict[str, JSON], examples: list[Example]
) -> None:
    if kind == "sklearn":
        path = "sklearn.linear_model.LogisticRegression"
        first, second = ({"estimator": path, "params": one} for one in (first, second))
    one, other = fitted(first, examples[:30], kind), fitted(second, examples[:30], kind)
    alone = fitted(second, examples[:30], kind, trial=False)
    assert encoder_of(one) is encoder_of(other)
    assert encoder_of(alone) is not encoder_of(other)
    assert encoder_of(fitted(first, examples[:29], kind)) is not encoder_of(one)
    by_itself = shares(alone, examples[30:])
    assert shares(other, examples[30:]) == by_itself
    assert shares(one, examples[30:]) != by_itself


def test_another_way_of_reading_is_fitted_by_itself() -> None:
    one, other = (fitted({"words": words, "characters": 0}, TEXTS, "text-linear") for words in (1, 2))
    assert encoder_of(one) is not encoder_of(other)


def test_a_head_that_changes_its_matrix_does_not_change_that_of_others() -> None:
    """scikit-learn's `copy=False` scales where the numbers are."""
    steps: list[JSON] = [
        {"estimator": "sklearn.preprocessing.MaxAbsScaler", "params": {"copy": False}},
        "sklearn.linear_model.LogisticRegression",
    ]
    scaled = [fitted({"pipeline": steps}, TEXTS[:30], "sklearn", trial=trial) for trial in (True, True, False)]
    first, second, alone = (shares(model, TEXTS[30:]) for model in scaled)
    assert first == second == alone


def test_what_was_used_longest_ago_is_forgotten() -> None:
    """Memory stays within its bounds."""
    fits, texts = SharedFits(most_bytes=1), [["one"], ["two"]]
    first, _ = fits.fitted(CountVectorizer(), texts[0])
    second, _ = fits.fitted(CountVectorizer(), texts[1])
    assert fits.fitted(CountVectorizer(), texts[1])[0] is second
    assert fits.fitted(CountVectorizer(), texts[0])[0] is not first


def test_what_cannot_be_told_apart_is_fitted_each_time() -> None:
    """A function without a name has no hash."""
    fits, texts = SharedFits(), ["one two", "two"]
    made = [fits.fitted(CountVectorizer(tokenizer=lambda text: text.split(), token_pattern=None), texts) for _ in "ab"]
    assert made[0][0] is not made[1][0]
    assert np.array_equal(made[0][1].toarray(), made[1][1].toarray())

"""What a classifier of pictures is measured by, beside scikit-learn on the same probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from merits.core.answer import Answer
from merits.core.task import Example
from merits.scorers import top_k

CLASSES = ("0", "1", "2", "3", "4")


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_top_k_is_that_of_scikit_learn(seed: int, k: int, tied: bool) -> None:
    """Also where labels are equally probable, as those of nearest neighbours mostly are."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(5), 40)
    shares = np.round(shares * 4) / 4 if tied else shares
    target = random.integers(0, 5, 40)
    score = top_k.load(top_k.Params(k=k), classes=CLASSES, folder=Path())
    solved = [
        score(
            Example(id="1", input="1.png", target=CLASSES[code]),
            Answer("0", dict(zip(CLASSES, row.tolist(), strict=True))),
        ).solved
        for code, row in zip(target, shares, strict=True)
    ]
    expected = reference.top_k_accuracy_score(target, shares, k=k, labels=np.arange(5))
    assert np.mean(solved) == pytest.approx(expected)


def test_who_gives_no_probabilities_is_judged_by_what_it_names() -> None:
    score = top_k.load(top_k.Params(k=2), classes=CLASSES, folder=Path())
    example = Example(id="1", input="1.png", target="3")
    assert [score(example, Answer(output)).solved for output in ("3.", 3, ["1", "3"], ["1", "2", "3"], "1", None)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]

"""How a fitted estimator of scikit-learn, or one that looks like it, goes on from what it learned; or why it cannot.

An estimator goes on where that is sound: naive Bayes, whose state is sums over examples, takes in the new ones alone;
one that descends to an optimum begins its descent where it was, on all examples; boosting adds trees to those it has,
by their errors on all examples. A forest does not: its old trees, grown on old examples, would outvote new ones; nor
does what makes features of words, which would never see new ones. Knows nothing about inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.core.identity import JSON

__all__ = ["cannot_go_on", "go_on", "has_categories"]

_SUMS = frozenset({"BernoulliNB", "ComplementNB", "GaussianNB", "MultinomialNB"})
_DESCENDS = frozenset(
    {
        *("ElasticNet", "GammaRegressor", "HuberRegressor", "Lasso", "LogisticRegression", "MLPClassifier"),
        *("MLPRegressor", "PassiveAggressiveClassifier", "PassiveAggressiveRegressor", "Perceptron"),
        *("PoissonRegressor", "SGDClassifier", "SGDRegressor", "TweedieRegressor"),
    }
)
_NETWORKS = frozenset({"MLPClassifier", "MLPRegressor"})
_BOOSTS = frozenset({"GradientBoostingClassifier", "GradientBoostingRegressor"})
_LIGHTGBM = frozenset({"LGBMClassifier", "LGBMRegressor"})
_XGBOOST = frozenset({"XGBClassifier", "XGBRegressor"})


def cannot_go_on(estimator: Any, targets: Sequence[JSON]) -> str:
    """Why a fitted estimator cannot go on with examples of these targets; "" where it can.

    >>> from sklearn.linear_model import LogisticRegression, RidgeClassifier
    >>> X, y = [[0.0], [1.0]], ["a", "b"]
    >>> cannot_go_on(LogisticRegression().fit(X, y), ["a", "b"]), cannot_go_on(LogisticRegression().fit(X, y), ["c"])
    ('', "the label 'c' is new to it")
    >>> cannot_go_on(RidgeClassifier().fit(X, y), ["a"])
    'a RidgeClassifier begins anew whenever it learns'
    """
    last, name = _steps(estimator)[-1], type(_steps(estimator)[-1]).__name__
    if any(hasattr(part, "vocabulary_") for part in _parts(estimator)):
        return "it knows the words of what it has learned, and would never see new ones"
    if name not in _SUMS | _DESCENDS | _BOOSTS | _LIGHTGBM | _XGBOOST or not _is_of_a_library(last):
        return f"a {name} begins anew whenever it learns"
    stops_early = getattr(last, "n_iter_no_change", None) is not None and name in _BOOSTS
    if stops_early or getattr(last, "early_stopping", False):
        return "a part of the examples, which it may have learned before, would tell it when to stop"
    if getattr(last, "solver", "") == "liblinear":
        return "its solver liblinear begins anew whenever it learns"
    known = getattr(last, "classes_", None)
    if known is None:
        return ""
    here, there = {str(one) for one in targets}, {str(one) for one in known}
    strange = sorted(here - there)
    return f"the label {strange[0]!r} is new to it" if strange else ""


def has_categories(estimator: Any) -> bool:
    """Whether something in it knows the categories that it has seen, and no others."""
    return any(hasattr(part, "categories_") for part in _parts(estimator))


def go_on(estimator: Any, matrix: Any, targets: Sequence[Any], is_new: NDArray[np.bool_], share: float) -> None:
    """Nothing; the estimator knows the examples too that `is_new` marks, shape (examples,).

    What comes before the last step of a pipeline stays as it is. Of `share` see `merits.core.doors.Continuing`.
    """
    *before, last = _steps(estimator)
    for step in before:
        matrix = matrix if step in (None, "passthrough") else step.transform(matrix)
    name = type(last).__name__
    if name in _SUMS:
        rows: list[int] = np.flatnonzero(is_new).tolist()
        if rows:
            last.partial_fit(matrix[rows], [targets[row] for row in rows])
    elif name in _LIGHTGBM:
        _with_more(last, share, lambda: last.fit(matrix, targets, init_model=last.booster_))
        last._Booster = type(last.booster_)(model_str=last.booster_.model_to_string())  # without the one it began with
    elif name in _XGBOOST:
        _with_more(last, share, lambda: last.fit(matrix, targets, xgb_model=last.get_booster()))
    elif name in _BOOSTS:
        n = last.n_estimators
        last.set_params(n_estimators=n + _some(share, n), warm_start=True).fit(matrix, targets)
        last.set_params(warm_start=False)
    else:
        _descend(last, matrix, targets, share if name in _NETWORKS else 1.0)


def _descend(last: Any, matrix: Any, targets: Sequence[Any], share: float) -> None:
    kept = {name: value for name, value in last.get_params(deep=False).items() if name in ("warm_start", "max_iter")}
    last.set_params(warm_start=True, max_iter=_some(share, kept["max_iter"]))
    last.fit(matrix, targets)
    last.set_params(**kept)


def _with_more(last: Any, share: float, fit: Any) -> None:
    """Adds trees to a model of a boosting library, which counts those that it adds."""
    n = last.n_estimators or 100
    last.set_params(n_estimators=_some(share, n))
    fit()
    last.set_params(n_estimators=n + _some(share, n))


def _some(share: float, n: int) -> int:
    return max(1, round(share * n))


def _is_of_a_library(last: Any) -> bool:
    return type(last).__module__.partition(".")[0] in ("sklearn", "lightgbm", "xgboost")


def _steps(estimator: Any) -> list[Any]:
    """The steps of a pipeline, those of pipelines in it too; of anything else itself."""
    steps = getattr(estimator, "steps", None)
    return [estimator] if not steps else [inner for _, step in steps for inner in _steps(step)]


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator and whatever is fitted in it: steps, transformers of columns and of unions."""
    yield estimator
    inner = [*getattr(estimator, "steps", ()), *getattr(estimator, "transformers_", ())]
    inner += getattr(estimator, "transformer_list", ())
    for _, part, *_ in inner:
        yield from _parts(part)

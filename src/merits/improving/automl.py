"""AutoML: a library searches for the estimator and its parameters, over columns, words or embedded texts.

It searches in each fold of dev on its own, so that what is said of it is honest; then what the folds found is tried
without the library, as plain candidates of the kind `sklearn`. Knows nothing about the library.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from merits.candidates.automated import Learned, Metric, automated_here
from merits.candidates.automl import recipe_in
from merits.candidates.sentence_embeddings import DEFAULT_MODEL
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.improving.combining.judging import Judge, Judged, kept_of
from merits.improving.combining.seeds import recipe
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "notes", "why_not"]

EFFORT: Effort = "trains long"
TITLE = "AutoML: the best estimator and its parameters, within the time there is"

Features: TypeAlias = Literal["auto", "embeddings"]
_FEWEST = 50  # dev examples: of fewer, five folds of a search find what fits their noise
_SHARE = 0.8  # of the time, for the searches; the rest is for what they found
_NO_LIMIT_S = 30.0  # of one fit where the budget has no time in it
# Few values, so that a search that is begun again a moment later asks for what is stored.
_STEPS_S = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What an AutoML library finds."""

    seconds: Annotated[
        Annotated[float, Meta(gt=0, le=86_400)] | None,
        Meta(description="Of one search; there is one in each fold. Default: what the budget leaves, or 30."),
    ] = None
    estimators: Annotated[
        tuple[Learned, ...], Meta(description="Which are tried. Default: those of the kind `automl`.")
    ] = ()
    metric: Annotated[Metric, Meta(description="How they are compared. auto: log_loss, or rmse of numbers.")] = "auto"
    features: Annotated[
        tuple[Features, ...],
        Meta(description="auto: words, or columns. embeddings: texts embedded. Default: both for texts."),
    ] = ()
    recipes: Annotated[int, Meta(ge=0, le=20, description="How many of what was found are tried alone.")] = 3
    keep: Annotated[int, Meta(ge=1, description="The most candidates that are kept.")] = 2


def make(params: Params) -> Improver:
    """The improver; it asks for nothing where `why_not` says something, or where there is no second for a search.

    It is done in the time it is given, but for the last of its trials.
    """

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        ways, seconds = _affordable(params, brief)
        if why_not(brief) or not ways:
            return []
        judge, taken = Judge(brief), {one.name for one in brief.seeds}
        known = {one.id for one in brief.seeds}
        judged: list[Judged] = []
        found: list[tuple[float, Candidate]] = []
        for way in ways:
            candidate = _automl(params, brief, way, seconds, taken)
            if candidate.id in known:
                continue
            evaluation = yield Trials([candidate])
            judged += judge.judged(evaluation)
            found += _found(brief, evaluation, taken)
        for _, candidate in sorted(found, key=lambda one: -one[0])[: params.recipes]:
            if brief.seconds_left() < seconds:  # one of them takes no longer: all folds of it were tried in that time
                break
            judged += judge.judged((yield Trials([candidate])))
        return kept_of(_plain_first(judged), params.keep)

    return search


def _plain_first(judged: Sequence[Judged]) -> list[Judged]:
    """The best first; without a search that is no better than a recipe that one found: that is trained in no time."""
    alone = max((one.gain for one in judged if one.candidate.kind == "sklearn"), default=-math.inf)
    worth_it = [one for one in judged if one.candidate.kind == "sklearn" or one.gain > alone]
    return sorted(worth_it, key=lambda one: -one.gain)


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why AutoML can do nothing here, in a sentence; "" where it can."""
    kind = brief.task.kind
    target = task_kind(kind).target if kind in kind_names() else "none"
    if target not in ("label", "number") or not set(task_kind(kind).reads) <= {"text", "columns"}:
        return f"AutoML learns labels and numbers of columns and texts, and {kind} is neither; tuning could help."
    odd = [one for one in brief.task.examples if not isinstance(one.input, str | Mapping)]
    if odd:
        return f"The input of {odd[0].id} is neither a text nor columns, which is what AutoML reads."
    n = len([one for one in brief.task.split("dev") if one.target is not None])
    if n < _FEWEST:
        return f"{n} dev examples are too few to search on: what is found fits their noise. It takes {_FEWEST} or more."
    return "" if automated_here() else "AutoML needs flaml: pip install 'merits[automl]'."


def notes(params: Params, brief: Brief) -> tuple[str, ...]:
    """What is searched, in words, before it begins."""
    ways, seconds = _affordable(params, brief)
    if not ways:
        return ("There is not one second for a search in each fold, so nothing is tried.",)
    each = f"{params.seconds:g} s" if params.seconds else f"{seconds:g} s at most, by what the others leave"
    searched = " and ".join(_called(brief, way) for way in ways)
    return (f"One search in each of {brief.task.settings.folds} folds over {searched}: {each}.",)


def _affordable(params: Params, brief: Brief) -> tuple[list[Features], float]:
    """What is searched over, and the seconds of one search; as much as there is time for."""
    texts = any(isinstance(one.input, str) for one in brief.task.examples)
    ways: list[Features] = list(params.features or (("embeddings", "auto") if texts else ("auto",)))
    if params.seconds:
        return ways, params.seconds
    left = brief.seconds_left()
    if math.isinf(left):
        return ways, _NO_LIMIT_S
    while ways:
        each = left * _SHARE / len(ways) / brief.task.settings.folds
        if fitting := [step for step in _STEPS_S if step <= each]:
            return ways, float(fitting[-1])
        ways.pop()
    return [], 0.0


def _automl(params: Params, brief: Brief, way: Features, seconds: float, taken: set[str]) -> Candidate:
    told: dict[str, JSON] = {"seconds": seconds}
    if params.estimators:
        told["estimators"] = list(params.estimators)
    if params.metric != "auto":
        told["metric"] = params.metric
    return recipe("automl", (), taken, f"automl over {_called(brief, way)}", **told, **_features(brief, way))


def _features(brief: Brief, way: Features) -> dict[str, JSON]:
    """The parameters that say what is learned from; texts are embedded as the best embedding candidate does it."""
    if way == "auto":
        return {}
    models = [
        str(one.params["model"]) for one in brief.seeds if one.kind == "embeddings-linear" and "model" in one.params
    ]
    model = models[0] if models else DEFAULT_MODEL
    return {"features": "embeddings", **({} if model == DEFAULT_MODEL else {"embedding": model})}


def _called(brief: Brief, way: Features) -> str:
    if way == "embeddings":
        return "embeddings"
    return "words" if any(isinstance(one.input, str) for one in brief.task.examples) else "columns"


def _found(brief: Brief, evaluation: Evaluation, taken: set[str]) -> list[tuple[float, Candidate]]:
    """What the folds of an AutoML candidate found, as plain candidates, each with how it did in its fold."""
    if not evaluation.scored[0].any():
        return []
    candidate = evaluation.candidates[0]
    features = {key: value for key, value in candidate.params.items() if key in ("features", "embedding")}
    rows: dict[str, list[int]] = {}
    said = brief.said(candidate.name)
    for row, answer in enumerate(said):
        if answer is not None and evaluation.scored[0, row] and recipe_in(answer):
            rows.setdefault(answer.model, []).append(row)
    found = []
    for places in rows.values():
        answer = said[places[0]]
        params = recipe_in(answer) if answer is not None else None
        assert params is not None
        name = f"{str(params['estimator']).rpartition('.')[2]} over {candidate.name.removeprefix('automl over ')}"
        value = float(np.mean(evaluation.value[0, places]))
        found.append((value, recipe("sklearn", (), taken, name, **params, **features)))
    return found

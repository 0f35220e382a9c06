"""The estimator that an AutoML library finds for the examples of dev, within so many seconds.

Knows nothing about how it is searched for (`automated`), and whoever serves what was found needs none of it: each
answer says, as the model that gave it, which recipe of the kind `sklearn` is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from merits.candidates.automated import LEARNERS, AutomatedSearch, Best, Learned, Metric, Target, check_automated
from merits.candidates.features import Reader, reader_of, words
from merits.candidates.imports import versions
from merits.candidates.learner import Learner, learning_model, predicted
from merits.candidates.registry import LoadContext
from merits.candidates.scikit_learn import RawTexts
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embeddings, embedder, known_embeddings, model_files
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads, task_kind
from merits.media.files import file_hash

__all__ = ["Params", "load", "recipe_in"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True

_OF_NUMBERS, _OF_LABELS = ("rmse", "mae", "r2"), ("log_loss", "accuracy", "macro_f1", "roc_auc")


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The estimator that an AutoML library finds on the dev split (FLAML)."""

    seconds: Annotated[
        float, msgspec.Meta(gt=0, le=86_400, description="How long one fit may search; cross-validation fits often.")
    ] = 60.0
    estimators: Annotated[
        tuple[Learned, ...],
        msgspec.Meta(
            description="Which are tried. Default: lgbm, rf, extra_tree, and lrl2 (labels) or enet (numbers)."
        ),
    ] = ()
    metric: Annotated[
        Metric, msgspec.Meta(description="How they are compared. auto: log_loss of labels, rmse of numbers.")
    ] = "auto"
    features: Annotated[
        Literal["auto", "embeddings"],
        msgspec.Meta(description="auto: words of texts, columns as in sklearn. embeddings: texts as embeddings."),
    ] = "auto"
    embedding: Annotated[
        str,
        msgspec.Meta(description="Of `features: embeddings`: a fetched model, or a folder, as in embeddings-linear."),
    ] = DEFAULT_MODEL


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model that searches for `seconds` whenever it learns, and answers with the best it found.

    Inputs become numbers as in the kind `sklearn`, once for the whole search. It predicts labels with probabilities, or
    numbers. Needs the extra `automl`. One fit searches at a time, with one thread.

    Not guaranteed: that two fits find the same: how far a search comes depends on the machine. Its answers are stored,
    so an evaluation is not repeated by looking at it again.
    """
    target = _target(context)
    search = AutomatedSearch(
        seconds=params.seconds,
        learners=_learners(params, target),
        metric=_metric(params, target),
        target=target,
        seed=context.seed,
        note=context.note,
    )
    check_automated()
    made_of: list[Any] = ["automl 1", versions("flaml", "lightgbm", "sklearn"), context.seed]
    if params.features == "auto":
        build = partial(_Found, search, None)
        learner = _Telling(reader_of, build, needs_classes=target == "label", note=context.note)
        return learning_model(learner, fingerprint=content_hash(made_of), timeout_s=context.timeout_s)
    files = model_files(params.embedding, context.folder, context.env)
    model = embedder(*files)
    known = known_embeddings(model, context)
    embeddings = Embeddings(known)
    made_of += [[file_hash(file) for file in files], versions("onnxruntime", "tokenizers")]
    build = partial(_Found, search, embeddings)
    learner = _Telling(
        lambda inputs: RawTexts(), build, needs_classes=target == "label", note=context.note, outside=embeddings
    )
    return learning_model(
        learner,
        fingerprint=content_hash(made_of),
        timeout_s=context.timeout_s,
        batch_size=1,  # as embeddings-linear
        weights=model.weights,
        closing=known.close,
    )


def recipe_in(answer: Answer) -> dict[str, JSON] | None:
    """The parameters `estimator` and `params` of the kind `sklearn` that gave an answer; None where it names none.

    >>> recipe_in(Answer("yes", model='lightgbm.LGBMClassifier {"n_estimators":12}'))
    {'estimator': 'lightgbm.LGBMClassifier', 'params': {'n_estimators': 12}}
    >>> recipe_in(Answer("yes"))
    """
    estimator, _, params = answer.model.partition(" ")
    try:
        return {"estimator": estimator, "params": msgspec.json.decode(params, type=dict[str, JSON])}
    except msgspec.DecodeError:
        return None


def _recipe(best: Best) -> str:
    return f"{best.estimator} {msgspec.json.encode(best.params).decode()}"


def _target(context: LoadContext) -> Target:
    if context.is_labelled:
        return "label"
    if task_kind(context.task_kind).target == "number":
        return "number"
    raise CandidateError(
        f"automl learns labels and numbers, and {context.task_kind} asks for neither.",
        "Take another kind of candidate.",
    )


def _learners(params: Params, target: Target) -> tuple[Learned, ...]:
    there = LEARNERS[target]
    for name in params.estimators:
        if name not in there:
            raise CandidateError(f"{name} predicts no {target}s.", f"Name some of {', '.join(there)}.")
    return params.estimators or tuple(name for name in there if name != "lrl1")  # saga takes long, and seldom wins


def _metric(params: Params, target: Target) -> Metric:
    if params.metric != "auto" and (params.metric in _OF_NUMBERS) != (target == "number"):
        fitting = _OF_NUMBERS if target == "number" else _OF_LABELS
        raise CandidateError(f"{params.metric} does not measure {target}s.", f"Take one of {', '.join(fitting)}.")
    return params.metric


class _Telling(Learner):
    """A learner whose answers say which recipe gave them."""

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        found = self._estimator
        recipe = found.recipe if isinstance(found, _Found) else ""
        return [replace(one, model=recipe) if isinstance(one, Answer) else one for one in super().answer_batch(inputs)]


class _Found:
    """The estimator that a search finds, behind what makes numbers of the inputs. `recipe` says which it is."""

    def __init__(
        self, search: AutomatedSearch, embeddings: Embeddings | None, reader: Reader, rows: Sequence[object]
    ) -> None:
        self._search: AutomatedSearch | None = search
        self._encoder: Any = embeddings or _encoder(search, reader, rows)
        self.steps: list[tuple[str, Any]] = []
        self.recipe = ""

    def fit(self, X: Any, y: Sequence[JSON]) -> _Found:
        """Searches, and keeps the best, fitted on all rows."""
        search, self._search = self._search, None  # what it was found with is no part of what is kept
        assert search is not None
        targets = [str(one) for one in y] if search.target == "label" else _numbers(y)
        estimator, best = search(self._encoder.fit_transform(X), targets)
        self.steps, self.recipe = [("encoder", self._encoder), ("estimator", estimator)], _recipe(best)
        self._encoder = None
        return self

    def predict(self, X: Any) -> list[JSON]:
        """What it says of a matrix."""
        return [answer.output for answer in predicted(self, X)]


def _encoder(search: AutomatedSearch, reader: Reader, rows: Sequence[object]) -> Any:
    return reader.encoder(rows, words, sparse=True, seed=search.seed)


def _numbers(targets: Sequence[JSON]) -> list[float]:
    try:
        return [float(str(target)) for target in targets]
    except ValueError as problem:
        raise CandidateError(f"numbers are to be learned: {problem}.", "Mend the targets.") from None

"""A model that learns online: in one pass, an example at a time, and goes on while it answers (River)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.candidates.imports import versions
from merits.candidates.incremental.estimators import MODELS, Name, OnlineEstimator, Steps, Told
from merits.candidates.incremental.graphs import BrokenGraph
from merits.candidates.incremental.model import LearningModel
from merits.candidates.incremental.reading import FeatureReader, number_in
from merits.candidates.registry import LoadContext, Space, holds
from merits.core.answer import Answer
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads, kind_names, task_kind
from merits.core.task import Example

__all__ = ["READS", "Params", "load", "space"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True
_OF_COLUMNS = ("adaptive-tree", "adaptive-forest")
_RATES: dict[Steps, float] = {"shrinking": 0.3, "constant": 0.03}


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A model that learns online, an example at a time, and goes on while it answers (extra `drift`: River)."""

    model: Annotated[
        Name,
        msgspec.Meta(description=f"What learns: {'; '.join(f'{name} ({what})' for name, what in MODELS.items())}."),
    ] = "linear"
    passes: Annotated[
        int, msgspec.Meta(ge=1, le=100, description="How often it goes through dev before it answers; online is once.")
    ] = 1
    steps: Annotated[
        Steps,
        msgspec.Meta(
            description="linear: steps that shrink with each that a weight took (AdaGrad), best where words are rare; "
            "or constant ones, which forget the old and keep up where the world changes."
        ),
    ] = "shrinking"
    rate: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(description="linear: how far a step goes. Default: 0.3 for shrinking steps, 0.03 for constant."),
    ] = None
    l2: Annotated[float, msgspec.Meta(ge=0, description="linear: how much large weights are drawn to 0.")] = 0.0
    smoothing: Annotated[
        float, msgspec.Meta(gt=0, description="naive-bayes: what is added to each count of a word.")
    ] = 0.3
    words: Annotated[
        int, msgspec.Meta(ge=1, le=5, description="Texts: the longest run of words that counts as one.")
    ] = 2
    buckets: Annotated[
        int, msgspec.Meta(ge=1024, le=1 << 28, description="Texts: words are told apart by so many buckets at most.")
    ] = 1 << 20
    grace: Annotated[int, msgspec.Meta(ge=1, description="Trees: a leaf may split after so many examples more.")] = 50
    trees: Annotated[int, msgspec.Meta(ge=1, le=1000, description="adaptive-forest: how many trees.")] = 10


def space(params: Params, folder: Path) -> Space:
    """What is usually tuned of a recipe: depends on what learns."""
    spaces: Mapping[Name, Space] = {
        "linear": {"rate": {"low": 0.01, "high": 3.0, "log": True}, "words": [1, 2, 3]},
        "naive-bayes": {"smoothing": {"low": 0.01, "high": 3.0, "log": True}, "words": [1, 2, 3]},
        "adaptive-tree": {"grace": [25, 50, 100, 200]},
        "adaptive-forest": {"grace": [25, 50, 100, 200], "trees": [5, 10, 20]},
    }
    return spaces[params.model]


def load(params: Params, context: LoadContext) -> LearningModel:
    """A trainable model of labels or numbers that also goes on learning (`merits.core.doors.Learning`).

    Trained as others are, in the order of the examples. A column of words is of use to `linear` and `naive-bayes` only.
    MissingExtra without River; CandidateError where the model reads nothing of what inputs hold.

    >>> import asyncio
    >>> model = load(Params(words=1), LoadContext())
    >>> for input, target in [("good", "positive"), ("bad", "negative")] * 3:
    ...     model.learn_one(input, target)
    >>> asyncio.run(model.answer("so good")).output
    'positive'
    >>> other = load(Params(words=1), LoadContext())
    >>> other.restore_state(model.state())
    >>> asyncio.run(other.answer("so bad")).output
    'negative'
    """
    try:
        import river  # noqa: F401
    except ImportError:
        raise MissingExtra("it needs the package river.", "pip install 'merits[drift]'") from None
    labelled = context.task_kind not in kind_names() or task_kind(context.task_kind).target != "number"
    _check(params, context, labelled)
    code = content_hash(["online 1", msgspec.to_builtins(params), labelled, versions("river"), context.seed])
    return LearningModel(_Online(params, context, labelled, code), fingerprint=code, timeout_s=context.timeout_s)


def _check(params: Params, context: LoadContext, labelled: bool) -> None:
    """Raises CandidateError where the model can learn nothing of the task's inputs, or cannot say its targets."""
    if params.model == "naive-bayes" and not labelled:
        raise CandidateError("naive-bayes says labels, and this task wants numbers.", "Take model: linear.")
    texts_only = bool(context.named is not None or context.columns) and not context.columns and "text" in holds(context)
    if texts_only and params.model in _OF_COLUMNS:
        raise CandidateError(
            f"{params.model} learns from columns, and the inputs are texts.", "Take model: linear, or naive-bayes."
        )


class _Kept(msgspec.Struct, frozen=True):
    """The state as it is kept: `recipe` is the fingerprint of what may read it."""

    recipe: str
    kinds: dict[str, Any]
    n_learned: int
    estimator: bytes


class _Online:
    """See `merits.candidates.incremental.model.Lessons`."""

    def __init__(self, params: Params, context: LoadContext, labelled: bool, recipe: str) -> None:
        self._params, self._labelled, self._recipe, self._note = params, labelled, recipe, context.note
        self._told = Told(
            model=params.model,
            classifies=labelled,
            steps=params.steps,
            rate=_RATES[params.steps] if params.rate is None else params.rate,
            l2=params.l2,
            smoothing=params.smoothing,
            grace=params.grace,
            trees=params.trees,
            seed=context.seed,
        )
        self._begin()

    def _begin(self) -> None:
        self._reader = FeatureReader(words=self._params.words, buckets=self._params.buckets)
        self._estimator = OnlineEstimator(self._told)
        self._n_learned = 0

    def fit(self, examples: Sequence[Example]) -> None:
        """Learns from the beginning. CandidateError where there is nothing to learn from."""
        known = [example for example in examples if example.target is not None]
        if not known:
            raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
        self._begin()
        for _ in range(self._params.passes):
            self.learn(known)
        unread = sorted(name for name, kind in self._reader.kinds.items() if kind == "text")
        if unread and self._params.model in _OF_COLUMNS:
            self._note(f"{self._params.model} reads no words: {', '.join(unread)} is left out")

    def learn(self, examples: Sequence[Example]) -> None:
        """Goes on learning, in the order of the examples."""
        targets = [self._target(example) for example in examples]
        self._reader.settle([example.input for example in examples])
        for example, target in zip(examples, targets, strict=True):
            self._estimator.learn(self._reader.features(example.input), target)
        self._n_learned += len(examples)

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        """One answer for each input."""
        return [self._answer(input) for input in inputs]

    def state(self) -> bytes:
        """What was learned, with the recipe it was learned by."""
        kept = _Kept(self._recipe, dict(self._reader.kinds), self._n_learned, self._estimator.state())
        return msgspec.msgpack.encode(kept)

    def restore_state(self, state: bytes) -> None:
        """Puts back what was learned. CandidateError for what is not of this recipe."""
        try:
            kept = msgspec.msgpack.decode(state, type=_Kept)
        except msgspec.MsgspecError as problem:
            raise CandidateError(f"this is no state of a model that learns online: {problem}.") from None
        if kept.recipe != self._recipe:
            raise CandidateError(
                "this state is of another recipe, seed or version of River, and would not go on in the same way.",
                "Restore it with what it was made with, or learn anew.",
            )
        estimator = OnlineEstimator(self._told)
        try:
            estimator.restore(kept.estimator)
        except BrokenGraph as problem:
            raise CandidateError(f"this state cannot be read: {problem}.") from None
        self._begin()
        self._estimator, self._n_learned = estimator, kept.n_learned
        self._reader.kinds.update(kept.kinds)

    def _answer(self, input: JSON) -> Answer | Exception:
        if not self._n_learned:
            return RuntimeError("asked before it learned anything")
        if self._reader.kinds and not isinstance(input, Mapping):
            return TypeError(f"expected columns ({', '.join(sorted(self._reader.kinds))}), got {type(input).__name__}")
        answer = self._estimator.answer(self._reader.features(input))
        return RuntimeError("asked before it learned anything") if answer is None else answer

    def _target(self, example: Example) -> str | float:
        if self._labelled:
            return str(example.target)
        number = number_in(example.target)
        if number is None:
            raise CandidateError(
                f"{example.id or 'an example'} has the target {example.target!r}, which is no number.", "Mend it."
            )
        return number

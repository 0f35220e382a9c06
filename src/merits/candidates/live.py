"""A user's own function or object as a model. Knows nothing about where it came from."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.learner import Learner, as_output, learning_model
from merits.candidates.pixels import Resizing
from merits.candidates.registry import LoadContext
from merits.candidates.scikit_learn import Raw, reader_in, ready, seeded
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["answer_from", "is_async", "model_from"]

_KEYS = {"output", "label", "probabilities", "confidence"}
_PLAIN = frozenset({str, int, float, bool, type(None)})


def model_from(thing: object, context: LoadContext, *, fingerprint: str) -> Model:
    """The model around a function, a coroutine function, or an object with `answer` or `predict`.

    A whole Model is used as it is. `predict` takes a list of inputs, as in scikit-learn; with `fit(inputs, targets)`
    beside it the object is trained on the dev split (a copy of it: the user's own stays as it was). What returns
    may be an output, a mapping with `output` or `label` and `probabilities` or `confidence`, or an Answer.
    """
    if isinstance(thing, Model) and inspect.iscoroutinefunction(thing.answer):
        return thing
    if hasattr(thing, "predict"):
        return _predicting(thing, context, fingerprint)
    function = getattr(thing, "answer", thing)
    if not callable(function):
        raise CandidateError(
            f"a {type(thing).__name__} cannot answer.", "Give a function, or an object with answer(input) or predict."
        )
    if is_async(function):
        return _Awaited(function, fingerprint)
    return Batcher.each(lambda input: _asked(function, input), fingerprint=fingerprint, timeout_s=context.timeout_s)


def is_async(function: object) -> bool:
    """Whether calling a function, a method, a partial or a callable object gives something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004  not whether it is callable, but what is called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


class _Awaited:
    """A coroutine function as a model."""

    concurrency = None

    def __init__(self, function: Callable[[JSON], Awaitable[object]], fingerprint: str) -> None:
        self._function = function
        self.fingerprint = fingerprint

    async def answer(self, input: JSON) -> Answer:
        return answer_from(await self._function(_own(input)))

    async def close(self) -> None:
        """Nothing is held."""


def _asked(function: Callable[[JSON], object], input: JSON) -> Answer:
    value = function(_own(input))
    if type(value) in _PLAIN:  # a million calls must cost seconds
        return Answer(value)  # type: ignore[arg-type]
    if inspect.isawaitable(value):
        raise TypeError("the function returned something to await; write it as `async def`")
    return answer_from(value)


def _own(input: JSON) -> JSON:
    """The input for a user's code, which may change it: a copy, except for what cannot be changed."""
    return input if type(input) in _PLAIN else copy.deepcopy(input)


def _predicting(thing: Any, context: LoadContext, fingerprint: str) -> Model:
    if not hasattr(thing, "fit"):
        return Batcher(
            lambda inputs: [answer_from(value) for value in thing.predict([_own(input) for input in inputs])],
            batch_size=64,
            fingerprint=fingerprint,
            timeout_s=context.timeout_s,
        )
    if hasattr(thing, "get_params"):
        return learning_model(estimator_learner(thing, context), fingerprint=fingerprint, timeout_s=context.timeout_s)
    learner = Learner(lambda inputs: Raw(), lambda reader, rows: copy.deepcopy(thing))
    return learning_model(learner, fingerprint=fingerprint, timeout_s=context.timeout_s)


def estimator_learner(estimator: Any, context: LoadContext) -> Learner:
    """A learner around an unfitted copy of a scikit-learn estimator; see the kind `sklearn` for what it is shown."""
    from sklearn.base import clone

    fresh = clone(estimator)
    seeded(fresh, context.seed)
    return Learner(
        functools.partial(reader_in, context, fresh, "auto", Resizing()), functools.partial(ready, fresh, context.seed)
    )


def answer_from(value: object) -> Answer:
    """What a user's function returned, as an Answer.

    >>> answer_from("spam").output
    'spam'
    >>> answer_from({"label": "spam", "probabilities": {"spam": 0.9, "ham": 0.1}}).probabilities["spam"]
    0.9
    """
    if isinstance(value, Answer):
        return value
    plain = as_output(value)
    if not isinstance(plain, Mapping) or not ({"output", "label"} & set(plain)) or not set(plain) <= _KEYS:
        return Answer(output=plain)
    given = {"output": plain.get("label"), **{key: item for key, item in plain.items() if key != "label"}}
    try:
        return msgspec.convert(_numbers(given), Answer)
    except msgspec.ValidationError as problem:
        raise TypeError(f"answered with {sorted(plain)}, but {problem}") from None


def _numbers(given: Mapping[str, object]) -> dict[str, object]:
    probabilities = given.get("probabilities")
    plain = {key: as_output(value) for key, value in given.items()}
    if isinstance(probabilities, Mapping):
        plain["probabilities"] = {str(name): as_output(value) for name, value in probabilities.items()}
    return plain

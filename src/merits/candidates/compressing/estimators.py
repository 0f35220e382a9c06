"""Estimators of scikit-learn in ONNX, through skl2onnx: the whole pipeline where it can, else what comes at its end.

Knows nothing about how an estimator was described.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from merits.candidates.compressing.forms import Graph, Outputs
from merits.candidates.compressing.vectorisers import NotInOnnx, mended, prepared
from merits.candidates.insides import Batch, Estimator
from merits.candidates.learner import as_output
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["exported_estimator"]

_SPARSE = "what its last steps take is a sparse matrix"


def exported_estimator(opened: Estimator, inputs: Sequence[JSON]) -> Graph:
    """The graph of a fitted estimator or pipeline; CandidateError saying what in it has no counterpart."""
    steps = _steps(opened.estimator)
    rows = opened.matrix([opened.row(input) for input in inputs[:2]])
    texts = not isinstance(rows, np.ndarray) and all(isinstance(row, str) for row in rows)
    reasons: list[str] = []
    for n in range(len(steps)):
        before, after = steps[:n], steps[n:]
        try:
            part = _part(after, texts=texts and n == 0, sample=_through(before, rows))
        except NotInOnnx as problem:
            reasons.append(str(problem))
            continue
        return Graph(part.model, _Reading(opened, before, part.prepare), _answers_of(after[-1]), before)
    telling = [reason for reason in reasons if reason != _SPARSE] or reasons
    raise CandidateError(
        f"{type(steps[-1]).__name__} cannot be exported to ONNX: {telling[-1]}.",
        "Linear models, trees, forests, neighbours and scikit-learn's networks can (no histogram boosting), after "
        "numbers; of texts words can (text-linear with characters: 0), but no pieces of words.",
    )


@dataclass(frozen=True)
class _Part:
    model: bytes
    prepare: Callable[[Any], np.ndarray[Any, Any]]


def _steps(estimator: Any) -> list[Any]:
    """All steps that data goes through, of pipelines in pipelines too."""
    inner = getattr(estimator, "steps", None)
    if inner is None:
        return [] if estimator in (None, "passthrough") else [estimator]
    return [step for _, each in inner for step in _steps(each)]


def _through(steps: Sequence[Any], rows: Any) -> Any:
    for step in steps:
        rows = step.transform(rows)
    return rows


def _part(steps: Sequence[Any], *, texts: bool, sample: Any) -> _Part:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.pipeline import make_pipeline

    own = copy.deepcopy(list(steps))  # fitted, and what is changed here is not theirs
    options: dict[int, dict[str, Any]] = {}
    if texts:
        prepare, read = prepared(own, options), StringTensorType([None, 1])
    else:
        matrix = _numbers(sample)
        prepare, read = _numbers, FloatTensorType([None, matrix.shape[1]])
    options[id(own[-1])] = {"zipmap": False} if hasattr(own[-1], "predict_proba") else {}
    try:
        made = to_onnx(make_pipeline(*own), initial_types=[("input", read)], options=options)
    except Exception as problem:
        said = str(problem).strip().splitlines()
        raise NotInOnnx(said[0][:90].rstrip(". ") if said else type(problem).__name__) from problem
    model: bytes = (mended(made, own) if texts else made).SerializeToString()
    return _Part(model, prepare)


def _numbers(rows: Any) -> np.ndarray[Any, Any]:
    """Rows as 32-bit numbers, shape (rows, columns)."""
    if hasattr(rows, "toarray"):
        raise NotInOnnx(_SPARSE)
    try:
        matrix = np.asarray(rows, np.float32)
    except (TypeError, ValueError):
        raise NotInOnnx("what it takes is neither texts nor numbers") from None
    if matrix.ndim != 2:
        raise NotInOnnx("what it takes is no table of numbers")
    return matrix


@dataclass(frozen=True, eq=False)
class _Reading:
    """Reads inputs for the graph: as the parent does, through the steps that stay in Python."""

    opened: Estimator
    before: Sequence[Any]
    prepare: Callable[[Any], np.ndarray[Any, Any]]

    def __call__(self, inputs: Sequence[JSON]) -> Iterator[Batch]:
        rows = self.opened.matrix([self.opened.row(input) for input in inputs])
        yield Batch(range(len(inputs)), {"input": self.prepare(_through(self.before, rows))})


def _answers_of(estimator: Any) -> Callable[[Outputs], list[Answer]]:
    """What comes out of a graph, as the estimator would have said it."""
    classes = [str(as_output(name)) for name in getattr(estimator, "classes_", ())]
    sure = hasattr(estimator, "predict_proba")

    def answers(outputs: Outputs) -> list[Answer]:
        said = [as_output(np.asarray(row).reshape(-1)[0]) for row in outputs[0]]
        if not sure:
            return [Answer(one) for one in said]
        shares = outputs[1].astype(np.float64).tolist()
        return [Answer(one, dict(zip(classes, row, strict=True))) for one, row in zip(said, shares, strict=True)]

    return answers

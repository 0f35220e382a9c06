"""Estimators of scikit-learn in ONNX, through skl2onnx: the whole pipeline where it can, else what comes at its end.

Knows nothing about how an estimator was described.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from merits.candidates.compressing.forms import Graph
from merits.candidates.compressing.vectorisers import NotInOnnx, Preparing, mended, prepared
from merits.candidates.insides import Batch, Estimator, Outputs, Rows
from merits.candidates.keeping import keep_estimator, keep_json, kept_estimator, kept_json
from merits.candidates.learner import as_output
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["GraphReading", "exported_estimator", "kept_reading"]

_SAID, _BESIDE = "said.json", "beside.skops"
_SPARSE = "what its last steps take is a sparse matrix"


def exported_estimator(opened: Estimator, inputs: Sequence[JSON]) -> Graph:
    """The graph of a fitted estimator or pipeline; CandidateError saying what in it has no counterpart."""
    steps = _steps(opened.estimator)
    rows = opened.rows.matrix([opened.rows.row(input) for input in inputs[:2]])
    texts = not isinstance(rows, np.ndarray) and all(isinstance(row, str) for row in rows)
    reasons: list[str] = []
    for n in range(len(steps)):
        before, after = steps[:n], steps[n:]
        try:
            part = _part(after, texts=texts and n == 0, sample=_through(before, rows))
        except NotInOnnx as problem:
            reasons.append(str(problem))
            continue
        classes = tuple(str(as_output(name)) for name in getattr(after[-1], "classes_", ()))
        said = Said(classes if hasattr(after[-1], "predict_proba") else None, part.texts, n)
        return Graph(part.model, GraphReading(opened.rows, before, said))
    telling = [reason for reason in reasons if reason != _SPARSE] or reasons
    raise CandidateError(
        f"{type(steps[-1]).__name__} cannot be exported to ONNX: {telling[-1]}.",
        "Linear models, trees, forests, neighbours and scikit-learn's networks can (no histogram boosting), after "
        "numbers; of texts words can (text-linear with characters: 0), but no pieces of words.",
    )


class Said(msgspec.Struct, frozen=True):
    """What is said of a graph: the labels that it has a probability of (None: of none), how it is given texts, and how
    many steps stay outside it.
    """

    labels: tuple[str, ...] | None
    texts: Preparing | None
    n_beside: int


@dataclass(frozen=True)
class _Part:
    model: bytes
    texts: Preparing | None


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
    prepare = prepared(own, options) if texts else None
    read = FloatTensorType([None, _numbers(sample).shape[1]]) if prepare is None else StringTensorType([None, 1])
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
class GraphReading:
    """Reads inputs for a graph as the parent does, through the steps that stay in Python: see `insides.Reading`."""

    rows: Rows
    beside: Sequence[Any]
    said: Said

    def batches(self, inputs: Sequence[JSON]) -> Iterator[Batch]:
        """All inputs together."""
        read = _through(self.beside, self.rows.matrix([self.rows.row(input) for input in inputs]))
        texts = self.said.texts
        yield Batch(range(len(inputs)), {"input": _numbers(read) if texts is None else texts(read)})

    def answers(self, outputs: Outputs) -> list[Answer]:
        """What comes out of the graph, as the estimator would have said it."""
        labels, said = self.said.labels, [as_output(np.asarray(row).reshape(-1)[0]) for row in outputs[0]]
        if labels is None:
            return [Answer(one) for one in said]
        shares = outputs[1].astype(np.float64).tolist()
        return [Answer(one, dict(zip(labels, row, strict=True))) for one, row in zip(said, shares, strict=True)]

    def keep(self, folder: Path) -> None:
        """Writes how inputs are read and what is said; the steps that stay outside as estimators."""
        self.rows.keep(folder)
        keep_json(self.said, folder / _SAID)
        if self.beside:
            keep_estimator(list(self.beside), folder / _BESIDE)


def kept_reading(folder: Path, rows_of: Callable[[Path], Rows]) -> GraphReading:
    """What `GraphReading.keep` wrote; `rows_of` makes what reads inputs of what that kept."""
    said = kept_json(folder / _SAID, Said)
    beside = kept_estimator(folder / _BESIDE) if said.n_beside else []
    if not isinstance(beside, list) or len(beside) != said.n_beside:
        raise CandidateError(f"{_BESIDE} is not what this candidate kept.", "Release it anew: merits release")
    return GraphReading(rows_of(folder), beside, said)

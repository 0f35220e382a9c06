"""A smaller or faster copy of another candidate that runs here: pruned, in fewer bits, of low rank, in ONNX."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.compressing.estimators import kept_reading
from merits.candidates.compressing.forms import Copy, Fitted, Graph, Torch
from merits.candidates.compressing.layers import keep_layers, take_layers
from merits.candidates.compressing.methods import IN_TORCH, Method, Settings, Taught, method_of, misfit, unfit
from merits.candidates.compressing.resident import resident
from merits.candidates.imports import versions
from merits.candidates.insides import EstimatorInsides, Insides, insides_of
from merits.candidates.keeping import kept_bytes
from merits.candidates.memory import Resident, Weights, weights_of
from merits.candidates.registry import LoadContext, load_part
from merits.core.answer import Answer
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.task import Example

__all__ = ["ON_PREMISES", "PARTS", "Params", "load", "opened_copy"]

PARTS = (1, 1)
ON_PREMISES = True
_ANSWERED_TOGETHER = 32
_GRAPH = "model.onnx"
_memory: dict[str, Resident | None] = {}  # what was measured in this process, of parents and copies
_LIBRARIES = {  # what runs a copy, and what makes it of a network and of an estimator
    "network": ("onnx", "onnxscript", "onnxruntime"),
    "estimator": ("onnx", "skl2onnx", "onnxruntime"),
}


class Params(Settings, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A compressed copy of the candidate that is its part."""

    method: Annotated[
        Method | tuple[Method, ...],
        msgspec.Meta(
            description="How it is made, or several ways in order: pruned, low-rank; onnx (export); then the "
            "precision: onnx-int8 (dynamic), int8-static (calibrated on dev), int8-dynamic (torch), fp16 or bf16."
        ),
    ] = "onnx-int8"
    file: Annotated[
        str, msgspec.Meta(description="Write the ONNX model to this file too, relative to the task's folder.")
    ] = ""

    def __post_init__(self) -> None:
        if not self.methods:
            raise ValueError("method is empty; take onnx-int8, or another")
        if why := misfit(self.methods):
            raise ValueError(why)
        if self.file and not self.in_onnx:
            raise ValueError("file is where an ONNX model is written to, and this copy is none")

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods in their order."""
        return (self.method,) if isinstance(self.method, str) else self.method

    @property
    def in_onnx(self) -> bool:
        """Whether what comes out is a graph of ONNX."""
        return self.methods[-1] not in IN_TORCH | {"pruned", "low-rank"}


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model: it has its part learn from dev, and compresses what that has become.

    Answers and probabilities are in the form of the part's. One thread of the processor answers, but for what stays
    in torch where there is a GPU. CandidateError where the part cannot be compressed in this way.
    """
    parent = load_part(context, 0)
    insides = insides_of(parent)
    name, kind = context.parts[0].name, context.parts[0].kind
    if insides is None:
        raise CandidateError(
            f"{name!r} ({kind}) cannot be compressed: only what is trained here and can be opened can.",
            "transformer-finetune, image-cnn, sklearn and text-linear can. Of a GGUF model name the file of a lower "
            "level (Q4_K_M for Q8_0); of transformers, say `dtype: bfloat16`; or have it teach a smaller one.",
        )
    if why := unfit(params.methods, insides.form):
        raise CandidateError(f"{name!r} ({kind}) cannot be compressed so: {why}.", "Take onnx.")
    _libraries(params, insides)
    identity = ["compressed 1", parent.fingerprint, *map(versions, _used(params, insides))]
    model = _Compressed(params, context, parent, insides)
    theirs = weights_of(parent)
    return Batcher(
        model.answer_batch,
        batch_size=_ANSWERED_TOGETHER,
        fingerprint=content_hash(identity),
        timeout_s=context.timeout_s,
        fit=model.fit,
        close=model.close,
        keeping=model,
        weights=None if theirs is None else Weights(theirs.n_bytes, lambda: None, model.put_aside),
        size_bytes=lambda: model.size_bytes,
        memory=lambda: model.memory,
    )


def _used(params: Params, insides: Insides) -> tuple[str, ...]:
    return _LIBRARIES[insides.form] if params.in_onnx else ("torch",)


def _libraries(params: Params, insides: Insides) -> None:
    for package in _used(params, insides):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{params.methods[-1]} needs {package}, which is not installed.", "pip install 'merits[onnx]'"
            )


class _Compressed:
    """Blocking training and answers of one copy. The parent is closed once the copy is made."""

    def __init__(self, params: Params, context: LoadContext, parent: Model, insides: Insides) -> None:
        self._params = params
        self._context = context
        self._parent = parent
        self._insides = insides
        self._copy: Copy | None = None
        self._lock = threading.Lock()
        self.size_bytes: int | None = None
        self.memory: Resident | None = None

    def fit(self, examples: Sequence[Example]) -> None:
        """Has the parent learn, copies it, compresses the copy, and forgets what the parent learned."""
        if isinstance(self._parent, Trainable):
            self._parent.fit(examples)
        learned = [example for example in examples if example.target is not None]
        made = opened_copy(self._insides)
        before, taught = made.size_bytes, Taught(self._params, learned)
        theirs = self._measured(made, taught, self._context.parts[0].id)
        for method in self._params.methods:
            made = method_of(method).make(made, method, taught)
        if isinstance(made, Torch):
            made = replace(made, tune=None)
        self._take(made)
        asyncio.run(self._parent.close())
        own = self._measured(made, taught, content_hash([self._context.parts[0].id, msgspec.to_builtins(self._params)]))
        self.memory = None if own is None else replace(own, parent=theirs)
        self._tell(before)

    def keep(self, folder: Path) -> None:
        """Writes the graph, or the layers and their numbers, and what reads inputs for it; nothing of the parent."""
        with self._lock:
            made = self._copy
        if isinstance(made, Graph):
            (folder / _GRAPH).write_bytes(made.model)
        elif isinstance(made, Torch):
            keep_layers(made.module, folder)
        else:
            raise RuntimeError("kept before it was fitted")
        made.reading.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote. Neither the parent nor what made the copy is needed for it."""
        insides = self._insides
        if isinstance(insides, EstimatorInsides):
            self._take(Graph(kept_bytes(folder / _GRAPH), kept_reading(folder, insides.rows)))
        elif self._params.in_onnx:
            self._take(Graph(kept_bytes(folder / _GRAPH), insides.reading(folder)))
        else:
            self._take(Torch(take_layers(insides.blank(folder), folder), insides.reading(folder)))

    def _take(self, made: Copy) -> None:
        if isinstance(made, Graph):
            _ = made.session  # what cannot be run is said now
        with self._lock:
            self._copy, self.size_bytes = made, made.size_bytes

    def _measured(self, made: Copy, taught: Taught, key: str) -> Resident | None:
        """What a copy takes in memory, once in a process: what learned from other folds takes the same.

        It takes seconds, so of a trial of a search it is not measured: only what is kept is.
        """
        if key not in _memory and not self._context.trial:
            _memory[key] = resident(made, [example.input for example in taught.examples])
        return _memory.get(key)

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """Answers in the form of the parent's."""
        with self._lock:  # a thread that was given up on may still be computing
            if self._copy is None:
                raise RuntimeError("asked before it was fitted")
            return self._copy.answer_batch(inputs)

    def put_aside(self) -> None:
        """Frees what runs a graph; the next question opens it again. A copy in torch stays."""
        with self._lock:
            if isinstance(self._copy, Graph):
                self._copy.forget()

    def close(self) -> None:
        """Frees the copy."""
        with self._lock:
            self._copy = None

    def _tell(self, before: int | None) -> None:
        made = self._copy
        size = f"{(self.size_bytes or 0) / 1e6:,.3g} MB"
        self._context.note(f"{size} on disk" + (f", where its parent takes {before / 1e6:,.3g} MB" if before else ""))
        if self.memory:
            self._context.note(f"in memory {self.memory}")
        if self._params.file and isinstance(made, Graph):
            file = Path(self._context.folder) / self._params.file
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(made.model)
            except OSError as problem:
                raise CandidateError(f"{file} cannot be written: {problem.strerror}.", "Name another `file`.") from None
            self._context.note(f"written to {file}")


def opened_copy(insides: Insides) -> Copy:
    """What a model that has learned has inside, as a copy: of a network one that may be changed."""
    if isinstance(insides, EstimatorInsides):
        return Fitted(insides.open())
    opened = insides.open()
    return Torch(copy.deepcopy(opened.module).eval(), opened.reading, opened.tune)

"""What a copy can be while it is made: a module of torch, a fitted estimator, or a graph of ONNX. Each can answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.insides import Arrays, Batch, Estimator, Reading
from merits.candidates.learner import one_thread as one_native_thread
from merits.candidates.learner import pickled_size, predicted
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["Copy", "Fitted", "Graph", "Torch"]


class Tune(Protocol):
    """See `insides.Network.tune`."""

    def __call__(self, module: Any, examples: Sequence[Example], epochs: int) -> None: ...


@dataclass(frozen=True, eq=False)
class Torch:
    """A module of torch that answers as the network does that it is a copy of.

    It is trained on by `tune`, which holds that network: None once there is nothing more to be learned.
    """

    module: Any
    reading: Reading
    tune: Tune | None = None

    def with_module(self, module: Any) -> Torch:
        """The same with another module."""
        return replace(self, module=module)

    @property
    def size_bytes(self) -> int:
        """The bytes of its numbers as torch saves them."""
        import torch

        content = io.BytesIO()
        torch.save(self.module.state_dict(), content)
        return content.getbuffer().nbytes

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """One answer for each input."""
        reading = self.reading
        return _placed(inputs, reading.batches(inputs), lambda arrays: reading.answers([self._rows(arrays)]))

    def _rows(self, arrays: Arrays) -> NDArray[Any]:
        import torch

        from merits.media.on_torch import one_thread

        one_thread()
        some = next(iter(self.module.parameters()), torch.empty(0))  # where all layers are int8 there are no others
        with torch.inference_mode():
            given = {name: _moved(torch.from_numpy(each), some) for name, each in arrays.items()}
            rows: NDArray[Any] = self.module(**given).float().cpu().numpy()
        return rows


def _moved(tensor: Any, some: Any) -> Any:
    """A tensor where the numbers of the network are, in their precision if it holds numbers and no codes."""
    return tensor.to(some.device, some.dtype) if tensor.is_floating_point() else tensor.to(some.device)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted estimator of scikit-learn, as it is."""

    opened: Estimator

    @property
    def size_bytes(self) -> int | None:
        """The bytes of its pickle."""
        return pickled_size(self.opened.estimator)

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """One answer for each input."""
        with one_native_thread():
            rows = self.opened.rows
            return predicted(self.opened.estimator, rows.matrix([rows.row(input) for input in inputs]))


@dataclass(frozen=True, eq=False)
class Graph:
    """A model in the ONNX format with what reads its inputs and says what comes out."""

    model: bytes
    reading: Reading

    def with_model(self, model: bytes) -> Graph:
        """The same with another graph."""
        return replace(self, model=model)

    @property
    def size_bytes(self) -> int:
        """The bytes of the file that it makes, and of what stays outside it."""
        beside = self.reading.beside
        return len(self.model) + ((pickled_size(list(beside)) or 0) if beside else 0)

    @cached_property
    def session(self) -> Any:
        """ONNX Runtime with one thread; CandidateError where it cannot run the graph."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong is raised
        try:
            return onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        except Exception as problem:
            raise CandidateError(
                f"ONNX Runtime cannot run what was exported: {str(problem).strip().splitlines()[0]}.",
                "Take another method: see `merits kinds`.",
            ) from problem

    def forget(self) -> None:
        """Frees the session; the next question opens it again."""
        self.__dict__.pop("session", None)

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """One answer for each input."""
        reading = self.reading
        return _placed(inputs, reading.batches(inputs), lambda arrays: reading.answers(self.session.run(None, arrays)))


Copy: TypeAlias = Torch | Fitted | Graph


def _placed(inputs: Sequence[JSON], batches: Iterable[Batch], answer: Callable[[Arrays], list[Answer]]) -> list[Answer]:
    """The answers of all batches in the order of the inputs."""
    found = [(place, one) for batch in batches for place, one in zip(batch.places, answer(batch.arrays), strict=True)]
    order = np.argsort([place for place, _ in found], kind="stable")
    assert len(found) == len(inputs)
    return [found[at][1] for at in order]

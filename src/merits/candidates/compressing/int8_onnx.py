"""Int8 in ONNX Runtime: dynamic, where inputs of layers are rounded as they come, and static, with ranges from dev.

Dynamic int8 is of linear layers and tables of embeddings; static int8 of convolutions too. Weights have a sign and 7
bits: with 8, processors without VNNI add up to more than fits (ONNX Runtime's advice).
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from merits.candidates.compressing import onnx_export
from merits.candidates.compressing.forms import Copy, Graph
from merits.candidates.compressing.methods import Method, Taught
from merits.candidates.insides import Arrays
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["make"]

_DYNAMIC = ["MatMul", "Gemm", "Gather"]
_STATIC = ["Conv", "MatMul", "Gemm", "Gather"]
_SMALLER = 0.9  # where more than this share of the numbers stays as it is, there was hardly anything to quantise


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The graph in int8, exported first where it is none; CandidateError where it holds nothing to quantise."""
    graph = copy if isinstance(copy, Graph) else onnx_export.make(copy, method, taught)
    assert isinstance(graph, Graph)
    if not _has(graph, _DYNAMIC if method == "onnx-int8" else _STATIC):
        raise _nothing(method, "no layer of it is a product of matrices or a convolution")
    with tempfile.TemporaryDirectory(prefix="merits-") as place:
        before, after = Path(place) / "before.onnx", Path(place) / "after.onnx"
        before.write_bytes(graph.model)
        if method == "onnx-int8":
            _dynamic(before, after, taught.settings.per_channel)
        else:
            some = [example.input for example in taught.examples[: taught.settings.calibration]]
            _static(before, after, taught.settings.per_channel, graph, some)
        made = graph.with_model(after.read_bytes())
    whole, left = _in_32_bits(graph), _in_32_bits(made)
    if left > _SMALLER * whole:
        raise _nothing(method, f"{left:,} of its {whole:,} numbers stay in 32 bits")
    return made


def _in_32_bits(graph: Graph) -> int:
    """How many numbers of the graph are kept in 32 bits."""
    import onnx

    read = onnx.load_from_string(graph.model)
    return sum(math.prod(each.dims) for each in read.graph.initializer if each.data_type == onnx.TensorProto.FLOAT)


def _has(graph: Graph, kinds: Sequence[str]) -> bool:
    import onnx

    return any(node.op_type in kinds for node in onnx.load_from_string(graph.model).graph.node)


def _nothing(method: Method, why: str) -> CandidateError:
    return CandidateError(
        f"{method} finds next to nothing in this model that can be kept in 8 bits ({why}).",
        "Linear layers and embeddings can, convolutions with int8-static; of trees and linear models take onnx.",
    )


def _dynamic(before: Path, after: Path, per_channel: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            before,
            after,
            op_types_to_quantize=_DYNAMIC,
            per_channel=per_channel,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )


def _static(before: Path, after: Path, per_channel: bool, graph: Graph, inputs: Sequence[JSON]) -> None:
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ready = before.with_name("ready.onnx")
    with _quiet():
        quant_pre_process(before, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            after,
            _Calibration(graph, inputs),
            op_types_to_quantize=_STATIC,
            per_channel=per_channel,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )


class _Calibration:
    """The arrays of some inputs, one batch after the other, as ONNX Runtime asks for them."""

    def __init__(self, graph: Graph, inputs: Sequence[JSON]) -> None:
        self._batches: Iterator[Arrays] = (batch.arrays for batch in graph.reading.batches(inputs))

    def get_next(self) -> Arrays | None:
        """The next ones; None at the end."""
        return next(self._batches, None)


class _quiet:
    """Keeps ONNX Runtime's advice on how to quantise from the user's terminal."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *problem: Any) -> None:
        logging.disable(self._before)

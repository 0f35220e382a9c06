"""The door of the methods: each is a file with `make`, from a copy to a smaller or faster one.

Methods come in an order: what changes the network first, then the export, then the precision of its numbers.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, TypeAlias, cast

import msgspec

from merits.candidates.compressing.forms import Copy
from merits.candidates.insides import Form
from merits.core.task import Example

__all__ = ["IN_TORCH", "Method", "Settings", "Structure", "Taught", "method_of", "misfit", "unfit"]

Method: TypeAlias = Literal["pruned", "low-rank", "onnx", "int8-dynamic", "fp16", "bf16", "onnx-int8", "int8-static"]
Structure: TypeAlias = Literal["weights", "units", "heads", "neurons", "channels"]

_STAGE: dict[Method, int] = {"pruned": 0, "low-rank": 0, "onnx": 1}  # the others, 2, are the last
IN_TORCH = frozenset[Method]({"int8-dynamic", "fp16", "bf16"})
_OF_ESTIMATORS = frozenset[Method]({"onnx", "onnx-int8"})
_FILES: dict[Method, str] = {
    "pruned": "pruned",
    "low-rank": "low_rank",
    "onnx": "onnx_export",
    "int8-dynamic": "int8_torch",
    "fp16": "halved",
    "bf16": "halved",
    "onnx-int8": "int8_onnx",
    "int8-static": "int8_onnx",
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How copies are made."""

    share: Annotated[
        float, msgspec.Meta(gt=0, lt=1, description="pruned: share of the weights, or units, that is taken away.")
    ] = 0.3
    structure: Annotated[
        Structure,
        msgspec.Meta(
            description="pruned: weights become 0 where they are (no faster by itself); units are really removed: "
            "attention heads and inner neurons of an encoder, or one of the two; channels of a convolutional network."
        ),
    ] = "units"
    energy: Annotated[
        float, msgspec.Meta(gt=0, lt=1, description="low-rank: share of a layer's squared singular values kept.")
    ] = 0.9
    rank: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None, msgspec.Meta(description="low-rank: this rank, whatever its energy.")
    ] = None
    epochs: Annotated[
        int, msgspec.Meta(ge=0, description="pruned, low-rank: epochs of training on dev afterwards.")
    ] = 1
    per_channel: Annotated[bool, msgspec.Meta(description="onnx-int8, int8-static: a scale for each channel.")] = True
    calibration: Annotated[
        int, msgspec.Meta(ge=1, description="int8-static: dev inputs that its ranges are found on.")
    ] = 200


@dataclass(frozen=True)
class Taught:
    """What a method may look at: the examples that the parent learned from, and who is to be told something."""

    settings: Settings
    examples: Sequence[Example]


class _Making(Protocol):
    def make(self, copy: Copy, method: Method, taught: Taught) -> Copy: ...


def method_of(method: Method) -> _Making:
    """The file of a method; imports what it needs."""
    return cast(_Making, importlib.import_module(f"merits.candidates.compressing.{_FILES[method]}"))


def misfit(methods: Sequence[Method]) -> str:
    """Why methods do not go together in this order, as a sentence; "" where they do.

    >>> misfit(["pruned", "onnx-int8"])
    ''
    >>> misfit(["onnx", "pruned"])
    'pruned comes before onnx: what changes the network, then the export, then the precision'
    >>> misfit(["onnx", "fp16"])
    'fp16 is made by torch, and what was exported to ONNX is not in its hands any more'
    """
    stages = [_STAGE.get(method, 2) for method in methods]
    for before, after, first, second in zip(methods, methods[1:], stages, stages[1:], strict=False):
        if second < first:
            return f"{after} comes before {before}: what changes the network, then the export, then the precision"
        if first == second == 2:
            return f"{before} and {after} both say what the numbers are kept in; take one"
        if first == 1 and after in IN_TORCH:
            return f"{after} is made by torch, and what was exported to ONNX is not in its hands any more"
    return "a method stands there twice" if len(set(methods)) < len(methods) else ""


def unfit(methods: Sequence[Method], form: Form) -> str:
    """Why something of this form cannot be compressed so; "" where it may.

    >>> unfit(["fp16"], "estimator")
    'fp16 is for networks, and this is an estimator of scikit-learn'
    """
    wrong = [method for method in methods if form == "estimator" and method not in _OF_ESTIMATORS]
    return f"{wrong[0]} is for networks, and this is an estimator of scikit-learn" if wrong else ""

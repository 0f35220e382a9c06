"""Arrays as bytes and back, for checkpoints. No pickle: nothing that is read can run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Packed", "packed", "unpacked"]

_KINDS = ("<f8", "<i8", "|b1")


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """One array: its type, shape and bytes."""

    kind: str
    shape: tuple[int, ...]
    content: bytes


def packed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Packed]:
    """Arrays of floats, whole numbers or truths, ready for msgspec.

    >>> again = unpacked(packed({"a": np.arange(3.0)}))
    >>> again["a"].tolist()
    [0.0, 1.0, 2.0]
    """
    found = {}
    for name, array in arrays.items():
        kind = {"f": "<f8", "i": "<i8", "b": "|b1"}[array.dtype.kind]
        found[name] = Packed(kind, array.shape, array.astype(kind).tobytes())
    return found


def unpacked(arrays: Mapping[str, Packed]) -> dict[str, NDArray[Any]]:
    """The arrays again. ValueError for bytes that do not fit their shape."""
    if any(one.kind not in _KINDS for one in arrays.values()):
        raise ValueError("an array of another kind")
    return {name: np.frombuffer(one.content, one.kind).reshape(one.shape).copy() for name, one in arrays.items()}

"""Arrays and names as bytes and back, with the recipe they are of: what models of plain numbers have learned."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.errors import CandidateError

__all__ = ["arrays_in", "arrays_of"]

_KINDS = "biuf"  # numbers and truth values: no objects
_ROOM = 1 << 34  # bytes that a state may unfold to


class _Kept(msgspec.Struct, frozen=True):
    recipe: str
    arrays: dict[str, tuple[str, tuple[int, ...], bytes]]
    names: dict[str, list[str]]


def arrays_of(recipe: str, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]]) -> bytes:
    """The arrays and names as bytes. `recipe` says what may read them.

    >>> arrays, names = arrays_in("a", arrays_of("a", {"x": np.array([[1.5, 2.0]])}, {"items": ["i"]}))
    >>> arrays["x"].tolist(), names["items"]
    ([[1.5, 2.0]], ['i'])
    """
    kept = {
        name: (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes()) for name, array in arrays.items()
    }
    packed = msgspec.msgpack.encode(_Kept(recipe, kept, {name: list(found) for name, found in names.items()}))
    return zlib.compress(packed, 1)


def arrays_in(recipe: str, state: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """The arrays and names of a state. CandidateError for bytes that are none, or are of another recipe."""
    unfolded = zlib.decompressobj()
    try:
        plain = unfolded.decompress(state, _ROOM)
        if not unfolded.eof or unfolded.unused_data:
            raise ValueError("it is cut off, or longer than it should be")
        kept = msgspec.msgpack.decode(plain, type=_Kept)
        arrays = {name: _array(*found) for name, found in kept.arrays.items()}
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise CandidateError(f"this is no state of a model that learns online: {problem}.") from None
    if kept.recipe != recipe:
        raise CandidateError(
            "this state is of another recipe, seed or version of a library, and would not go on in the same way.",
            "Restore it with what it was made with, or learn anew.",
        )
    return arrays, kept.names


def _array(kind: str, shape: tuple[int, ...], data: bytes) -> NDArray[Any]:
    found = np.dtype(kind)
    if found.kind not in _KINDS:
        raise ValueError(f"it holds no numbers but {kind!r}")
    return np.frombuffer(data, found).reshape(shape).copy()  # what is learned on is written to

"""Vectors as answers: what a router reads when a part of it says where a text lies and not what the answer is.

Half precision, as text: 384 numbers take a kilobyte, and differ from what was computed by a thousandth of themselves.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.identity import JSON

__all__ = ["packed_vector", "vector_in", "vectors_in"]


def packed_vector(vector: NDArray[np.floating[Any]]) -> str:
    """The vector as text.

    >>> vector_in(Answer(packed_vector(np.array([0.5, -0.25])))).tolist()
    [0.5, -0.25]
    """
    return base64.b85encode(vector.astype("<f2").tobytes()).decode("ascii")


def vector_in(answer: Answer) -> NDArray[np.float64] | None:
    """The vector that an answer holds; None where it failed, or holds none."""
    return None if answer.failure is not None else _unpacked(answer.output)


def vectors_in(answer: Answer) -> NDArray[np.float64] | None:
    """The vectors of an answer to a list of texts (texts, dimensions); None where it failed, or holds none."""
    said = answer.output
    if answer.failure is not None or isinstance(said, str) or not isinstance(said, Sequence) or not said:
        return None
    found = [_unpacked(each) for each in said]
    known = [each for each in found if each is not None]
    return np.stack(known) if len(known) == len(found) and len({len(each) for each in known}) == 1 else None


def _unpacked(said: JSON) -> NDArray[np.float64] | None:
    if not isinstance(said, str):
        return None
    try:
        return np.frombuffer(base64.b85decode(said), "<f2").astype(np.float64)
    except ValueError:
        return None

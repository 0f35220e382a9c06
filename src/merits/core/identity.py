"""Identity by content: two things that say the same are the same.

Knows nothing about what it hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

__all__ = ["JSON", "content_hash"]

if TYPE_CHECKING:
    JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
else:  # msgspec cannot decode a recursive alias; whatever JSON holds needs no further check
    JSON: TypeAlias = Any

_encoder = msgspec.json.Encoder(order="deterministic")


def content_hash(value: object) -> str:
    """32 hex digits (128 bits of BLAKE2b) of the canonical JSON of a value.

    Keys are sorted, so the order in which a mapping was written does not matter. 128 bits make a collision among
    a billion answers less likely than 1 in 10**20.

    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    return hashlib.blake2b(_encoder.encode(value), digest_size=16).hexdigest()

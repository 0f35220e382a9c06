"""Identity by content: two things that say the same are the same.

Knows nothing about what it hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

__all__ = ["JSON", "content_hash", "hash_of_rows"]

if TYPE_CHECKING:
    JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
else:  # msgspec cannot decode a recursive alias; whatever JSON holds needs no further check
    JSON: TypeAlias = Any

_AT_ONCE = 500
_encoder = msgspec.json.Encoder(order="deterministic")


def content_hash(value: object) -> str:
    """32 hex digits (128 bits of BLAKE2b) of the canonical JSON of a value.

    Keys are sorted, so the order in which a mapping was written does not matter. 128 bits make a collision among
    a billion answers less likely than 1 in 10**20.

    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    return hashlib.blake2b(_encoder.encode(value), digest_size=16).hexdigest()


def hash_of_rows(rows: Iterable[object], *before: object) -> str:
    """The content hash of the list of rows, or of `[*before, rows]`, without having them all in memory.

    >>> hash_of_rows(iter([1, 2])) == content_hash([1, 2])
    True
    >>> hash_of_rows(iter([1, 2]), "a", {}) == content_hash(["a", {}, [1, 2]])
    True
    """
    encode = _encoder.encode
    digest = hashlib.blake2b(digest_size=16)
    if before:
        digest.update(encode(before)[:-1] + b",")
    left, comma = iter(rows), b"["
    while some := b",".join(map(encode, islice(left, _AT_ONCE))):
        digest.update(comma + some)
        comma = b","
    digest.update((b"[" if comma == b"[" else b"") + (b"]]" if before else b"]"))
    return digest.hexdigest()

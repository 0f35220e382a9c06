"""Identity by content: two things that say the same are the same.

Knows nothing about what it hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

__all__ = ["JSON", "as_read", "content_hash", "hash_of_input", "hash_of_rows"]

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


def hash_of_input(input: JSON, files: Mapping[str, str]) -> str:
    """The content hash of an input in which the names of `files` stand for what is in them.

    `files` maps each name to what identifies its content. Two names of one content are the same input, and one name
    of another content is another input.

    >>> hash_of_input("a.png", {"a.png": "image/png 07"}) == hash_of_input("b.png", {"b.png": "image/png 07"})
    True
    >>> hash_of_input("a.png", {}) == content_hash("a.png")
    True
    """
    if not files:
        return content_hash(input)
    read = as_read(input, files)
    return content_hash({"read": read} if read != input else input)


def as_read(value: JSON, files: Mapping[str, str]) -> JSON:
    """A value in which the names of `files` are replaced by what identifies their content; as it is without any.

    >>> as_read("a.png", {"a.png": "image/png 07"}), as_read("a.png", {})
    ({'file': 'image/png 07'}, 'a.png')
    """
    if isinstance(value, str):
        return {"file": files[value]} if value in files else value
    if not files:
        return value
    if isinstance(value, Mapping):
        return {name: as_read(cell, files) for name, cell in value.items()}
    return [as_read(cell, files) for cell in value] if isinstance(value, Sequence) else value


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

"""Answers that stay in the store and are read when they are asked for: a million of them would take 1.5 GB.

Knows nothing about the database: it is given what reads it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.doors import AnswerKey
from merits.core.hashes import digest_of

__all__ = ["AnswersOnDisk", "Indexed", "Numbered", "Stored"]

_BLOCK = 64  # answers that are read at once, for who looks at one mostly looks at the next
_BLOCKS = 32  # that are kept; a candidate that is asked many questions at once answers them in nearly that order

Indexed: TypeAlias = tuple[int, bytes | str, int, str, bool]  # the number of an answer, its key, and if it is a mark
Stored: TypeAlias = tuple[bytes | str, int, str, str]  # the key of an answer and its text
Numbered: TypeAlias = tuple[int, bytes | str, int, str, str]  # the same with its number before


class AnswersOnDisk(Mapping[AnswerKey, Answer]):
    """The answers that count, of which 16 bytes each are in memory.

    `rows` are all answers of a version, oldest first, and `read` gives those with numbers from one on and below
    another. Keys that were answered more than once are settled at once, and held in memory. Of others than `wanted`
    nothing is known. Not safe to share between threads.
    """

    def __init__(
        self,
        rows: Iterable[Indexed],
        wanted: Collection[AnswerKey] | None,
        *,
        read: Callable[[int, int], Iterable[Numbered]],
        decode: Callable[[str], Answer],
        settle: Callable[[Iterable[Stored]], dict[AnswerKey, Answer]],
    ) -> None:
        self._read, self._decode = read, decode
        self._blocks: dict[int, dict[int, Stored]] = {}
        codes, numbers, marked = _indexed(rows)
        if wanted is not None:
            asked = np.unique(_codes(_code(*key) for key in wanted))
            kept = _are_in(codes, asked)
            codes, numbers, marked = codes[kept], numbers[kept], marked[kept]
        order = np.argsort(codes, kind="stable")
        codes, numbers, marked = codes[order], numbers[order], marked[order]
        several = marked
        same = codes[1:] == codes[:-1]
        several[1:] |= same
        several[:-1] |= same
        self._codes, self._numbers = codes[~several], numbers[~several]
        settled = settle(map(self._row, np.sort(numbers[several]).tolist()))
        names = None if wanted is None or not settled else frozenset(wanted)
        self._settled = {key: answer for key, answer in settled.items() if names is None or key in names}

    def _row(self, number: int) -> Stored:
        """One answer by its number."""
        block = number // _BLOCK
        rows = self._blocks.get(block)
        if rows is None:
            if len(self._blocks) == _BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            found = self._read(block * _BLOCK, (block + 1) * _BLOCK)
            rows = self._blocks[block] = {one[0]: one[1:] for one in found}
        return rows[number]

    def _find(self, key: AnswerKey) -> str | None:
        """The text of the answer to a key that was answered once."""
        code = np.uint64(int.from_bytes(_code(*key), "little"))
        at = int(self._codes.searchsorted(code))
        if at == len(self._codes) or self._codes[at] != code:
            return None
        input, repeat, perturbation, text = self._row(int(self._numbers[at]))
        return text if _key(input, repeat, perturbation) == key else None

    def __getitem__(self, key: AnswerKey) -> Answer:
        settled = self._settled.get(key)
        if settled is not None:
            return settled
        text = self._find(key)
        if text is None:
            raise KeyError(key)
        return self._decode(text)

    def __contains__(self, key: object) -> bool:
        return key in self._settled or (isinstance(key, AnswerKey) and self._find(key) is not None)

    def __iter__(self) -> Iterator[AnswerKey]:
        for number in np.sort(self._numbers).tolist():
            input, repeat, perturbation, _ = self._row(number)
            yield _key(input, repeat, perturbation)
        yield from self._settled

    def __len__(self) -> int:
        return len(self._numbers) + len(self._settled)


def _indexed(rows: Iterable[Indexed]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.bool_]]:
    codes, numbers, marked = bytearray(), array("q"), bytearray()
    for number, input, repeat, perturbation, is_mark in rows:
        codes += _code(input, repeat, perturbation)
        numbers.append(number)
        marked.append(is_mark)
    return np.frombuffer(codes, "<u8"), np.frombuffer(numbers, np.int64), np.frombuffer(marked, np.bool_)


def _codes(codes: Iterable[bytes]) -> NDArray[np.uint64]:
    data = bytearray()
    for code in codes:
        data += code
    return np.frombuffer(data, "<u8")


def _are_in(codes: NDArray[np.uint64], some: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(some):
        return np.zeros(len(codes), np.bool_)
    return np.asarray(some[np.searchsorted(some, codes).clip(max=len(some) - 1)] == codes)


def _code(input: bytes | str, repeat: int, perturbation: str) -> bytes:
    """8 bytes of a key. Two keys may share them, so whatever is found by them is compared in full."""
    digest = input if isinstance(input, bytes) else digest_of(input)
    if repeat or perturbation:
        digest = blake2b(digest + f"{repeat}/{perturbation}".encode(), digest_size=8).digest()
    return digest[:8]


def _key(input: bytes | str, repeat: int, perturbation: str) -> AnswerKey:
    return AnswerKey(input.hex() if isinstance(input, bytes) else input, repeat, perturbation)

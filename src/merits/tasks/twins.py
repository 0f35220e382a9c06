"""Finds texts that are nearly the same among up to hundreds of thousands, by MinHash with banding.

Two texts are near twins when their sets of 5-byte pieces have a Jaccard similarity of 0.8 or more. MinHash: Broder
(1997), On the resemblance and containment of documents; banding: Leskovec, Rajaraman, Ullman, Mining of Massive
Datasets, section 3.4. Own code because the kept libraries hash text by text in Python, which takes minutes here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["jaccard", "near_twins"]

_PIECE = 5  # bytes
_BANDS, _ROWS = 12, 5  # a pair of similarity 0.8 meets in some band with probability 0.991, one of 0.5 with 0.32
_SHORTEST = 20  # bytes; shorter texts share most of their pieces by chance
_MOST_BYTES = 30_000_000  # looked at for candidates; of longer collections only the beginning of each text
_CHUNK = 4_000_000  # bytes hashed at once, to bound memory
_BLOCK = 65_536  # pairs compared at once
_MOST_VERIFIED = 30_000  # pairs; each takes some 50 microseconds

Hashes = NDArray[np.uint64]


def near_twins(texts: Sequence[str], *, similarity: float = 0.8, seed: int = 0) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of the positions of texts that are nearly but not quite the same, sorted.

    Not every pair: of a cluster of twins, each text is linked to its first and to its neighbour, which is enough to
    know who has a twin. About 1 in 100 pairs at the threshold is missed, fewer above it. Pairs are verified exactly,
    unless there are over 30,000 (texts made from templates): then the estimate from the signatures counts, whose
    standard error is 0.05. Texts under 20 bytes have no near twins.

    >>> near_twins(["my card has not arrived by post yet", "where is it", "my card has not arrived by post yet!"])
    [(0, 2)]
    """
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    first_of: dict[bytes, int] = {}
    for position, text in enumerate(encoded):
        first_of.setdefault(text, position)
    kept = [position for text, position in first_of.items() if len(text) >= _SHORTEST]
    if len(kept) < 2:
        return []
    limit = max(200, _MOST_BYTES // len(kept))
    signatures = _signatures([encoded[position][:limit] for position in kept], seed)
    pairs, estimates = _candidates(signatures, similarity)
    found = [(kept[a], kept[b]) for a, b in pairs]
    if len(found) > _MOST_VERIFIED:
        return sorted(pair for pair, alike in zip(found, estimates, strict=True) if alike >= similarity)
    return sorted(pair for pair in found if jaccard(encoded[pair[0]], encoded[pair[1]]) >= similarity)


def jaccard(a: bytes, b: bytes) -> float:
    """The share of the different 5-byte pieces of two texts that both have.

    >>> jaccard(b"abcdefgh", b"abcdefgx")
    0.6
    """
    ours, theirs = ({text[i : i + _PIECE] for i in range(len(text) - _PIECE + 1)} for text in (a, b))
    return len(ours & theirs) / max(1, len(ours | theirs))


def _signatures(texts: Sequence[bytes], seed: int) -> NDArray[np.uint32]:
    """For each text the smallest hash of its pieces under each of the random hash functions: (texts, hashes)."""
    generator = np.random.default_rng(seed)
    n_hashes = _BANDS * _ROWS
    # Multiply-shift hashing needs odd multipliers (Dietzfelbinger et al. 1997).
    multipliers = generator.integers(0, 2**63, n_hashes, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = generator.integers(0, 2**63, n_hashes, dtype=np.uint64)
    signatures = np.empty((len(texts), n_hashes), np.uint32)
    start = 0
    while start < len(texts):
        stop, size = start, 0
        while stop < len(texts) and (size == 0 or size + len(texts[stop]) <= _CHUNK):
            size += len(texts[stop])
            stop += 1
        pieces, firsts = _pieces(texts[start:stop])
        for number in range(n_hashes):
            hashed = (pieces * multipliers[number] + offsets[number]) >> np.uint64(32)
            signatures[start:stop, number] = np.minimum.reduceat(hashed, firsts)
        start = stop
    return signatures


def _pieces(texts: Sequence[bytes]) -> tuple[Hashes, NDArray[np.int64]]:
    """The pieces of all texts as numbers, one text after the other, and where each text's first one is."""
    lengths = np.array([len(text) for text in texts])
    everything = np.frombuffer(b"".join(texts), np.uint8).astype(np.uint64)
    n_places = len(everything) - _PIECE + 1
    numbers = np.zeros(n_places, np.uint64)
    for place in range(_PIECE):
        numbers |= everything[place : place + n_places] << np.uint64(8 * place)
    inside = np.ones(n_places, bool)
    ends = np.cumsum(lengths)
    for back in range(1, _PIECE):  # these begin in one text and end in the next
        crossing = ends[:-1] - back
        inside[crossing] = False
    firsts = np.concatenate([[0], np.cumsum(lengths - _PIECE + 1)[:-1]])
    # A round of mixing, so that pieces that differ in one byte do not have neighbouring hashes.
    mixed = numbers[inside] * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29)), firsts


def _candidates(signatures: NDArray[np.uint32], similarity: float) -> tuple[list[tuple[int, int]], list[float]]:
    """Pairs that share a band and whose signatures are alike enough to be worth verifying, and how alike they are."""
    n = len(signatures)
    keys: list[NDArray[np.int64]] = []
    for band in range(_BANDS):
        part = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        bytes_of_rows = part.view(np.dtype((np.void, part.dtype.itemsize * _ROWS))).ravel()
        _, group = np.unique(bytes_of_rows, return_inverse=True)
        order = np.argsort(group, kind="stable")  # stable: the members of a group stay in the order of the texts
        sorted_group = group[order]
        begins = np.concatenate([[True], sorted_group[1:] != sorted_group[:-1]])
        leader = order[np.maximum.accumulate(np.where(begins, np.arange(n), 0))]
        later = ~begins
        before = np.concatenate([[0], order[:-1]])
        for earlier in (leader, before):
            keys.append(earlier[later].astype(np.int64) * n + order[later])
    pairs = np.unique(np.concatenate(keys))
    a, b = pairs // n, pairs % n
    if not len(pairs):
        return [], []
    blocks = range(0, len(pairs), _BLOCK)
    alike = np.concatenate([_share_equal(signatures, a[i : i + _BLOCK], b[i : i + _BLOCK]) for i in blocks])
    # Three standard errors of the estimate (0.05 at 0.8 with 60 hashes) below the threshold.
    chosen = np.flatnonzero(alike >= similarity - 0.15)
    return [(int(a[i]), int(b[i])) for i in chosen], alike[chosen].tolist()


def _share_equal(signatures: NDArray[np.uint32], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((signatures[a] == signatures[b]).mean(axis=1))

"""Content hashes of a million inputs in 16 bytes each: as NumPy's texts they would take 128, as Python's 81."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Hashes", "digest_of", "digests_of"]

_AT_ONCE = 4_096


class Hashes(Sequence[str]):
    """Texts of 32 hex digits (see `content_hash`), held as `digests`: 16 bytes each, of type V16.

    Reads as an array of texts does; an array of indices or a mask takes some of them.

    >>> import numpy as np
    >>> hashes = Hashes(np.frombuffer(bytes(range(32)), "V16"))
    >>> hashes[0], hashes[np.array([False, True])].tolist()
    ('000102030405060708090a0b0c0d0e0f', ['101112131415161718191a1b1c1d1e1f'])
    """

    __slots__ = ("_bytes", "digests")

    def __init__(self, digests: NDArray[np.void]) -> None:
        import numpy as np

        self.digests = np.ascontiguousarray(digests)
        self._bytes = self.digests.view(np.uint8).data

    def __len__(self) -> int:
        return len(self.digests)

    @overload
    def __getitem__(self, at: int | np.integer) -> str: ...
    @overload
    def __getitem__(self, at: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Hashes: ...
    def __getitem__(self, at: int | np.integer | slice | NDArray[np.integer] | NDArray[np.bool_]) -> str | Hashes:
        import numpy as np

        if not isinstance(at, int | np.integer):
            return Hashes(self.digests[at])
        if not -len(self) <= at < len(self):
            raise IndexError(f"there are {len(self)} hashes, and none at {at}")
        start = 16 * (int(at) % len(self))
        return self._bytes[start : start + 16].hex()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self._bytes), 16 * _AT_ONCE):
            text = self._bytes[start : start + 16 * _AT_ONCE].hex()
            yield from (text[at : at + 32] for at in range(0, len(text), 32))

    def tolist(self) -> list[str]:
        """All of them as texts."""
        return list(self)


def digest_of(text: str) -> bytes:
    """The 16 bytes that a text of 32 hex digits says; of any other text, its hash.

    >>> digest_of("0f" * 16) == bytes([15] * 16), len(digest_of("an id"))
    (True, 16)
    """
    if len(text) == 32:
        try:
            said = bytes.fromhex(text)
        except ValueError:
            said = b""
        if said.hex() == text:
            return said
    return blake2b(text.encode(), digest_size=16).digest()


def digests_of(texts: Iterable[str] | Hashes) -> NDArray[np.void]:
    """The digest of each text, of type V16: which of a million texts are the same is seen in arrays only.

    >>> digests_of(["a", "b", "a"])[[0, 2]].tobytes() == 2 * digest_of("a")
    True
    """
    if isinstance(texts, Hashes):
        return texts.digests
    import numpy as np

    data = bytearray()
    for text in texts:
        data += digest_of(text)
    return np.frombuffer(data, "V16")

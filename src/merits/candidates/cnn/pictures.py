"""The pixels of many pictures, by their numbers. Knows nothing about what they are of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ahead import decoded_ahead
from merits.core.identity import JSON

__all__ = ["Pictures"]

Bytes = NDArray[np.uint8]


class Pictures:
    """Pictures of one size, held in memory, or (`inputs` with `read`) decoded in threads ahead of their use."""

    def __init__(
        self, held: Bytes | None, inputs: Sequence[JSON] = (), read: Callable[[JSON], Bytes] | None = None
    ) -> None:
        self._held = held
        self._inputs = inputs
        self._read = read

    def batches(self, numbers: Iterable[NDArray[np.intp]]) -> Iterator[Bytes]:
        """The pixels of each batch of pictures, shape (pictures, height, width, channels).

        >>> [batch.shape for batch in Pictures(np.zeros((5, 4, 4, 3), np.uint8)).batches([np.array([0, 2, 4])])]
        [(3, 4, 4, 3)]
        """
        numbers = list(numbers)
        if self._held is not None or self._read is None:
            held = self._held if self._held is not None else np.empty((0, 1, 1, 1), np.uint8)
            yield from (held[chosen] for chosen in numbers)
            return
        inputs = (self._inputs[int(number)] for chosen in numbers for number in chosen)
        decoded = decoded_ahead(self._read, inputs)
        for chosen in numbers:
            yield np.stack(list(itertools.islice(decoded, len(chosen))))

    def spread(self, numbers: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The mean and the standard deviation of each channel over these pictures; a deviation of 0 counts as 1."""
        sums = squares = np.zeros(1)
        n_pixels = 0
        for batch in self.batches(np.array_split(numbers, max(1, len(numbers) // 256))):
            pixels = batch.reshape(-1, batch.shape[-1]).astype(np.float64)
            sums, squares, n_pixels = sums + pixels.sum(0), squares + (pixels**2).sum(0), n_pixels + len(pixels)
        mean = sums / n_pixels
        deviation = np.sqrt(np.maximum(squares / n_pixels - mean**2, 0.0))
        return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)

"""Small pictures for tests: squares of two colours with some noise, in folders that are named after the colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["COLOURS", "painted"]

COLOURS = {"blue": (40, 60, 200), "red": (200, 60, 40)}


def painted(folder: Path, n: int, size: int = 12) -> list[str]:
    """The names of `n` new pictures of each colour, relative to the folder; the colours take turns."""
    random = np.random.default_rng(3)
    names = []
    for number in range(n):
        for label, colour in COLOURS.items():
            name = f"{label}/{number}.png"
            (folder / label).mkdir(parents=True, exist_ok=True)
            pixels = np.array(colour) + random.integers(-30, 31, (size, size, 3))
            Image.fromarray(pixels.astype(np.uint8), "RGB").save(folder / name)
            names.append(name)
    return names

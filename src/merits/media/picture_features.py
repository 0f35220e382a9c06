"""Pictures as vectors, without a network: where which colours are, and where edges run in which direction.

A description that needs no weights and no download, the same on every machine; it tells layouts and shapes apart, not
meanings. Histograms of oriented gradients: Dalal & Triggs (2005), doi:10.1109/CVPR.2005.177.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LAYOUT_DIMENSIONS", "LAYOUT_VERSION", "layout_of"]

LAYOUT_VERSION = "layout 1"
_COLOURS = 8  # cells a side, three colours each
_CELLS = 4  # cells a side, eight directions each
_DIRECTIONS = 8
_SIDE = 32  # pixels a side that edges are looked for in
LAYOUT_DIMENSIONS = 3 * _COLOURS**2 + _DIRECTIONS * _CELLS**2


def layout_of(picture: Image) -> NDArray[np.float64]:
    """Colours and edges of a picture (RGB), shape (320,), each from 0 to 1.

    The first 192 are the mean red, green and blue of 8 x 8 cells, the others the share of each of eight directions
    among the edges of 4 x 4 cells, weighed by their strength. What is all of one colour has no edges: zeros.

    >>> from PIL import Image
    >>> white = layout_of(Image.new("RGB", (64, 64), "white"))
    >>> white.shape, float(white[:192].min()), float(white[192:].max())
    ((320,), 1.0, 0.0)
    """
    from PIL.Image import Resampling

    colours = np.asarray(picture.resize((_COLOURS, _COLOURS), Resampling.BOX), np.float64) / 255.0
    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Resampling.BOX), np.float64) / 255.0
    return np.concatenate([colours.ravel(), _edges(grey)])


def _edges(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    direction = np.floor((np.arctan2(down, right) % np.pi) / np.pi * _DIRECTIONS).astype(int) % _DIRECTIONS
    step = _SIDE // _CELLS
    place = np.arange(_SIDE) // step
    cell = place[:, None] * _CELLS + place[None, :]
    size = _CELLS**2 * _DIRECTIONS
    found = np.bincount((cell * _DIRECTIONS + direction).ravel(), strength.ravel(), minlength=size)
    histogram = found.reshape(-1, _DIRECTIONS)
    length = np.sqrt((histogram**2).sum(axis=1, keepdims=True) + 1e-6)
    return np.asarray(np.where(strength.max() > 0, histogram / length, 0.0)).ravel()

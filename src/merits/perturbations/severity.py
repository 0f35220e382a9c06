"""The severities 1 to 5 in which the field measures robustness of pictures, and what each comes to.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019
(ImageNet-C and CIFAR-10-C). Knows nothing about any perturbation in particular.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["SEVERITIES", "SEVERITY", "at_severity", "from_pixels", "pixels_of"]

SEVERITIES = (1.0, 2.0, 3.0, 4.0, 5.0)
SEVERITY = "severity from 1 to 5"


def at_severity(parameters: Sequence[float], strength: float, nothing: float = 0.0) -> float:
    """The parameter of a severity; between two severities between theirs, and `nothing` is that of severity 0.

    ValueError below 0 and above 5.

    >>> at_severity((10, 20, 30, 40, 60), 2), at_severity((10, 20, 30, 40, 60), 0.5)
    (20.0, 5.0)
    """
    if not 0 <= strength <= len(parameters):
        raise ValueError(f"a severity is from 0 to {len(parameters)}, not {strength:g}")
    return float(np.interp(strength, range(len(parameters) + 1), [nothing, *parameters]))


def pixels_of(picture: Image) -> NDArray[np.float64]:
    """The pixels from 0 to 1, shape (height, width, 3)."""
    return np.asarray(picture.convert("RGB"), np.float64) / 255.0


def from_pixels(pixels: NDArray[np.float64]) -> Image:
    """The picture of pixels; what is beyond 0 to 1 is clipped."""
    from PIL import Image

    return Image.fromarray(np.round(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8), "RGB")

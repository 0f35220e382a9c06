"""Pictures moved a little at random while a network learns, so that it does not learn where things stand.

Knows nothing about networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Augmentation", "augmented"]


class Augmentation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The most that a picture is moved by; each picture is moved anew in every epoch."""

    rotate: Annotated[float, msgspec.Meta(ge=0, le=180, description="Degrees, to either side.")] = 10.0
    shift: Annotated[float, msgspec.Meta(ge=0, le=0.5, description="Share of the side, in each direction.")] = 0.08
    scale: Annotated[float, msgspec.Meta(ge=0, le=0.5, description="Larger or smaller by this share.")] = 0.1
    flip: Annotated[bool, msgspec.Meta(description="Mirror half of them: not for digits, letters or arrows.")] = False

    @property
    def moves(self) -> bool:
        """Whether anything is moved."""
        return bool(self.rotate or self.shift or self.scale or self.flip)


def augmented(pixels: Tensor, most: Augmentation, random: np.random.Generator) -> Tensor:
    """The pictures, shape (n, channels, height, width), each moved by what is drawn.

    What comes into view repeats the edge.

    >>> import torch
    >>> same = torch.rand(2, 3, 8, 8)
    >>> still = Augmentation(rotate=0, shift=0, scale=0)
    >>> torch.equal(augmented(same, still, np.random.default_rng(0)), same)
    True
    """
    if not most.moves:
        return pixels
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n = len(pixels)
    angle = np.radians(random.uniform(-most.rotate, most.rotate, n))
    scale = random.uniform(1 - most.scale, 1 + most.scale, n)
    mirror = np.where(most.flip & (random.random(n) < 0.5), -1.0, 1.0)
    moves = np.empty((n, 2, 3))
    moves[:, 0, 0], moves[:, 0, 1] = scale * np.cos(angle) * mirror, -scale * np.sin(angle)
    moves[:, 1, 0], moves[:, 1, 1] = scale * np.sin(angle) * mirror, scale * np.cos(angle)
    moves[:, :, 2] = random.uniform(-2 * most.shift, 2 * most.shift, (n, 2))  # the grid goes from -1 to 1
    theta = torch.from_numpy(moves.astype(np.float32)).to(pixels.device)
    grid = affine_grid(theta, list(pixels.shape), align_corners=False)
    return grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)

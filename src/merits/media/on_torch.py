"""What everything that computes with torch does alike: on which device, with how many threads, and how pixels come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_tensor", "device_here", "one_thread"]


def as_tensor(pixels: NDArray[np.uint8], device: Any) -> Tensor:
    """Pixels (n, height, width, channels) as a network takes them: (n, channels, height, width), 0 to 255."""
    import torch

    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().contiguous()


def one_thread() -> None:
    """Nothing, once torch computes with one thread in the calling one: candidates take turns on the cores as it is."""
    import torch

    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def device_here() -> Any:
    """The GPU where there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

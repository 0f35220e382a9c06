"""Inputs of several things at once that lose one of them: what perturbations of that sort share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from merits.core.identity import JSON

__all__ = ["without"]


def without(
    value: Mapping[str, JSON], share: float, is_meant: Callable[[JSON], bool], random: np.random.Generator
) -> dict[str, JSON]:
    """The columns, those that are meant emptied in that share of the inputs: in this one or not, as is drawn.

    The same draw decides at every strength, so that whoever lost it at a low share has lost it at a higher one.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of the inputs is from 0 to 1, not {share:g}")
    if random.random() >= share:
        return dict(value)
    return {name: "" if is_meant(cell) else cell for name, cell in value.items()}

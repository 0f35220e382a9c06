"""Which examples a network is not trained on, so that it can be seen when it stops getting better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import units_of
from merits.core.task import Example

__all__ = ["held_out"]


def held_out(examples: Sequence[Example], share: float, *, seed: int) -> NDArray[np.bool_]:
    """Where an example is held out: about that share of each label's, groups and duplicates whole. Drawn by the seed.

    Every label keeps something to learn from; where that leaves nothing to hold out, nothing is.

    >>> examples = [Example(str(n), f"{n}.png", "ab"[n % 2], group=str(n // 4)) for n in range(40)]
    >>> chosen = held_out(examples, 0.2, seed=1)
    >>> int(chosen.sum()), {examples[n].group for n in np.flatnonzero(chosen)} & {
    ...     examples[n].group for n in np.flatnonzero(~chosen)}
    (8, set())
    """
    unit = np.array(units_of([e.input_hash for e in examples], [e.group for e in examples]))
    first = {int(one): str(example.target) for one, example in reversed([*zip(unit, examples, strict=True)])}
    random = np.random.default_rng([seed, len(examples)])
    chosen: set[int] = set()
    for label in sorted(set(first.values())):
        units = [one for one in sorted(first) if first[one] == label]
        n = min(round(share * len(units)), len(units) - 1)
        chosen |= {units[at] for at in random.permutation(len(units))[:n].tolist()}
    return np.isin(unit, sorted(chosen))

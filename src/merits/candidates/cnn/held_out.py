"""Which examples a network is not trained on, so that it can be seen when it stops getting better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import units_of
from merits.core.task import Example

__all__ = ["held_out", "new_label", "of_the_new"]

_OF_NEW = 0.2  # of new examples, where an old network goes on


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


def of_the_new(known: Sequence[Example], new: Sequence[Example], share: float, *, seed: int) -> NDArray[np.bool_]:
    """Where an example is held out when a network goes on that has learned the known ones: some of the new ones only.

    Shape (known and new,). At least one in five of the new ones, for they alone say when to stop.
    """
    apart = held_out(new, max(share, _OF_NEW), seed=seed) if share and new else np.zeros(len(new), np.bool_)
    return np.concatenate([np.zeros(len(known), np.bool_), apart])


def new_label(labels: Sequence[str], examples: Sequence[Example]) -> str:
    """That an example has a label which is none of these, in words; "" where none has.

    >>> new_label(["no", "yes"], [Example("1", "a text", "maybe")]), new_label(["no"], [Example("1", "a text", "no")])
    ("the label 'maybe' is new to it", '')
    """
    strange = sorted({str(example.target) for example in examples} - set(labels))
    return f"the label {strange[0]!r} is new to it" if strange else ""

"""A trained candidate in several copies, each of which learned from other examples; their mean is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.ensembles.answers import Combine
from merits.candidates.ensembles.copies import Copies, fresh_copies
from merits.candidates.ensembles.rules import combiner, rule_for
from merits.candidates.registry import LoadContext
from merits.core.clusters import units_of
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.core.task import Example

__all__ = ["Bagged", "Params", "load"]

ON_PREMISES = True
PARTS = (1, 1)

_MOST_DRAWS = 100  # until a sample has two classes in it


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Copies of a trained candidate, each of which learns from examples drawn anew from dev."""

    copies: Annotated[int, msgspec.Meta(ge=2, le=200, description="How many copies.")] = 10
    share: Annotated[
        float, msgspec.Meta(gt=0, le=1, description="How many examples each draws, as a share of all of them.")
    ] = 1.0
    replacement: Annotated[
        bool,
        msgspec.Meta(description="Draw with replacement (bagging), or without it (pasting; then `share` below 1)."),
    ] = True

    def __post_init__(self) -> None:
        if not self.replacement and self.share == 1.0:
            raise ValueError("without replacement every copy would learn from all examples: take a share below 1")


class Bagged(Copies):
    """Trainable: fits each copy on its own sample."""

    def __init__(
        self, params: Params, copies: Sequence[Trainable], combine: Combine, seed: int, labelled: bool
    ) -> None:
        fingerprints = [copy.fingerprint for copy in copies]
        super().__init__(copies, combine, content_hash(["bagged 1", fingerprints, seed]))
        self._params, self._seed, self._labelled = params, seed, labelled

    def fit(self, examples: Sequence[Example]) -> None:
        """Draws for each copy and fits it; examples that are not independent are drawn together."""
        known = [example for example in examples if example.target is not None]
        if not known:
            raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
        generator = np.random.default_rng(self._seed)
        unit_of = np.array(units_of([e.input_hash for e in known], [e.group for e in known]), np.int64)
        members = np.split(np.argsort(unit_of, kind="stable"), np.cumsum(np.bincount(unit_of))[:-1])
        for copy in self._copies:
            copy.fit(self._drawn(known, members, generator))
        self._voters, self._shares = self._copies, [1.0] * len(self._copies)

    def _drawn(
        self, known: Sequence[Example], members: Sequence[NDArray[np.intp]], generator: np.random.Generator
    ) -> list[Example]:
        n = max(1, round(self._params.share * len(members)))
        for _ in range(_MOST_DRAWS):
            units = generator.choice(len(members), n, replace=self._params.replacement)
            sample = [known[place] for unit in units for place in members[unit]]
            if not self._labelled or len({str(one.target) for one in sample}) > 1:
                return sample
        raise CandidateError(
            f"{_MOST_DRAWS} samples of {n} of {len(known)} examples were of one class each.",
            "Add examples of other classes to dev, or draw a larger share.",
        )


def load(params: Params, context: LoadContext) -> Trainable:
    """A trainable model of copies of the part ("bootstrap aggregating", Breiman 1996, doi:10.1007/BF00058655).

    Of labels the class probabilities are averaged (where there are none, votes are counted), of numbers the numbers
    and their quantiles; other answers are combined as `vote` does. It helps what learns something else from slightly
    other examples (trees, networks, few examples), and hardly what is steady (a linear model).
    """
    rule = rule_for(context)
    combine = combiner(rule, context, soft=True, shares=True)
    return Bagged(params, fresh_copies(context, params.copies), combine, context.seed, rule == "labels")

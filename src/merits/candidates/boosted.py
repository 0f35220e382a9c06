"""A trained candidate in several copies, each of which learned more from what those before it got wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.ensembles.answers import Combine
from merits.candidates.ensembles.copies import Copies, fresh_copies, said_now
from merits.candidates.ensembles.labels import by_label, label_reader
from merits.candidates.ensembles.numbers import by_number
from merits.candidates.ensembles.rules import rule_for
from merits.candidates.learner import labels_to_learn
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.core.task import Example
from merits.reading.forecasts import forecast_of
from merits.reading.numbers import number_in

__all__ = ["Boosted", "Params", "load"]

ON_PREMISES = True
PARTS = (1, 1)

Floats = NDArray[np.float64]
_MOST_DRAWS = 100  # until a sample has two classes in it
_LEAST_ERROR = 1e-10  # as scikit-learn's: a copy without error weighs much, not infinitely much


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Copies of a trained candidate, each drawn to what those before it got wrong."""

    copies: Annotated[int, msgspec.Meta(ge=2, le=500, description="How many copies at most.")] = 20
    rate: Annotated[
        float, msgspec.Meta(gt=0, le=1, description="How fast it turns to what was wrong; lower needs more copies.")
    ] = 1.0


class Boosted(Copies):
    """Trainable: fits one copy after the other, and ends early where one is perfect, or no better than chance."""

    def __init__(
        self, params: Params, copies: Sequence[Trainable], combine: Combine, context: LoadContext, *, labelled: bool
    ) -> None:
        fingerprints = [copy.fingerprint for copy in copies]
        super().__init__(copies, combine, content_hash(["boosted 1", fingerprints, context.seed]))
        self._rate, self._seed, self._labelled = params.rate, context.seed, labelled
        self._classes, self._note = context.classes, context.note

    def fit(self, examples: Sequence[Example]) -> None:
        """Fits the copies; CandidateError where the first one is no better than chance on what it learned from."""
        known = (
            labels_to_learn(examples) if self._labelled else [e for e in examples if number_in(e.target) is not None]
        )
        if not known:
            raise CandidateError("there is no example with a number to learn from.", "Add examples to the dev split.")
        generator, weights = np.random.default_rng(self._seed), np.full(len(known), 1.0 / len(known))
        step = self._labels_step if self._labelled else self._numbers_step
        voters: list[Model] = []
        shares: list[float] = []
        for copy in self._copies:
            copy.fit(self._drawn(known, weights, generator))
            said = said_now(copy, known)
            readable = weights * [answer is not None for answer in said]
            share, weights = step(known, said, readable / readable.sum())
            if share <= 0.0:  # no better than chance
                break
            voters.append(copy)
            shares.append(share)
            if not weights.any():  # nothing was wrong
                break
        if not voters:
            raise CandidateError(
                "the first copy is no better than chance on the examples that it learned from.",
                "Take a stronger part, or `bagged`.",
            )
        if len(voters) < len(self._copies):
            self._note(f"ended after {len(voters)} of {len(self._copies)} copies: {_why(weights)}")
        self._voters, self._shares = voters, shares

    def _drawn(self, known: Sequence[Example], weights: Floats, generator: np.random.Generator) -> list[Example]:
        for _ in range(_MOST_DRAWS):
            sample = [known[place] for place in generator.choice(len(known), len(known), p=weights)]
            if not self._labelled or len({str(one.target) for one in sample}) > 1:
                return sample
        raise CandidateError(
            f"{_MOST_DRAWS} samples of {len(known)} examples were of one class each.", "Lower `rate`, or take `bagged`."
        )

    def _labels_step(
        self, known: Sequence[Example], said: Sequence[Answer | None], weights: Floats
    ) -> tuple[float, Floats]:
        """SAMME: the copy's weight (0 or less: no better than chance), and the examples' new weights (0: all right)."""
        read, n_classes = label_reader(self._classes), max(2, len({str(one.target) for one in known}))
        pairs = zip(said, known, strict=True)
        wrong = np.array([answer is None or read(answer.output) != str(one.target) for answer, one in pairs])
        error = float(weights[wrong].sum())
        share = self._rate * (math.log((1.0 - error) / max(error, _LEAST_ERROR)) + math.log(n_classes - 1))
        if error <= 0.0 or share <= 0.0:
            return share, np.zeros_like(weights) if error <= 0.0 else weights
        weights = weights * np.exp(share * wrong)
        return share, weights / weights.sum()

    def _numbers_step(
        self, known: Sequence[Example], said: Sequence[Answer | None], weights: Floats
    ) -> tuple[float, Floats]:
        """AdaBoost.R2 with linear loss; otherwise as for labels."""
        read = [None if answer is None else forecast_of(answer.output) for answer in said]
        targets = np.array([number_in(one.target) or 0.0 for one in known])
        values = np.array([math.nan if one is None else one.value for one in read])
        off = np.abs(values - targets)
        worst = float(np.nanmax(off, initial=0.0))
        if worst <= 0.0:
            return math.log(1.0 / _LEAST_ERROR), np.zeros_like(weights)
        loss = np.where(np.isnan(off), 1.0, off / worst)
        error = float((weights * loss).sum())
        if error >= 0.5:
            return 0.0, weights
        beta = error / (1.0 - error)
        weights = weights * beta ** ((1.0 - loss) * self._rate)
        return self._rate * math.log(1.0 / beta), weights / weights.sum()


def _why(weights: Floats) -> Literal["the last was no better than chance", "the last made no mistake on its examples"]:
    return "the last was no better than chance" if weights.any() else "the last made no mistake on its examples"


def load(params: Params, context: LoadContext) -> Trainable:
    """A trainable model of copies of the part, for labels and numbers.

    Labels by SAMME (Zhu et al. 2009, doi:10.4310/SII.2009.v2.n3.a8), numbers by AdaBoost.R2 (Drucker 1997) with their
    weighted median. Most candidates take no weights of examples, so each copy learns from a sample that is drawn by
    weight (Freund & Schapire 1997). It helps weak parts (a tree of few leaves); one that makes no mistakes on what it
    learned from cannot be boosted: then there is one copy, and a note says so.
    """
    rule = rule_for(context)
    if rule not in ("labels", "numbers"):
        raise CandidateError(f"boosting is for labels and numbers, not for {rule}.", "Take `kind: bagged`.")
    labelled = rule == "labels"
    combine = by_label(context.classes, shares=True) if labelled else by_number("median")
    return Boosted(params, fresh_copies(context, params.copies), combine, context, labelled=labelled)

"""Several candidates are asked, and what most of them say is the answer."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from merits.candidates.ensembles.answers import Combine, combined, confidence_of
from merits.candidates.ensembles.numbers import Middle
from merits.candidates.ensembles.rules import Rule, combiner, rule_for
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.steps import Steps

__all__ = ["Params", "Vote", "load"]

ON_PREMISES = True
PARTS = (2, None)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Asks all its parts and takes what most of them say."""

    by: Annotated[
        Rule | None,
        msgspec.Meta(
            description="labels: plurality. numbers: their middle. texts: agreement, else the one most like the "
            "others. transcripts: word by word (ROVER). rankings: reciprocal-rank fusion. Default: by the kind of task."
        ),
    ] = None
    weights: Annotated[
        tuple[Annotated[float, msgspec.Meta(ge=0)], ...],
        msgspec.Meta(description="How much each part counts, in their order. Default: all alike."),
    ] = ()
    weigh: Annotated[
        Literal["equally", "confidence", "probabilities"],
        msgspec.Meta(
            description="confidence: an answer counts by how sure it is. probabilities: class probabilities are "
            "averaged (soft voting). What tells neither counts in full."
        ),
    ] = "equally"
    middle: Annotated[Middle, msgspec.Meta(description="Of numbers: their mean or their median.")] = "mean"
    k: Annotated[int, msgspec.Meta(ge=1, description="Of rankings: each counts 1/(k + rank).")] = 60

    def __post_init__(self) -> None:
        if self.weights and sum(self.weights) <= 0:
            raise ValueError("all weights are 0, which leaves nobody to vote")


class Vote:
    """A composite that asks all parts at once; pure, so that it can be replayed."""

    def __init__(self, params: Params, combine: Combine, n_parts: int) -> None:
        self._weights = params.weights or (1.0,) * n_parts
        self._asked = [part for part, weight in enumerate(self._weights) if weight > 0.0]
        self._by_confidence = params.weigh == "confidence"
        self._combine = combine
        self.fingerprint = content_hash(["vote 1"])

    def steps(self, input: JSON) -> Steps:
        """Asks every part that counts, and combines what they say."""
        answers = yield self._asked
        weights = [self._weights[part] for part in self._asked]
        if self._by_confidence:
            weights = [weight * _sure(answer) for weight, answer in zip(weights, answers, strict=True)]
        return combined(answers, weights, self._combine)


def load(params: Params, context: LoadContext) -> Composite:
    """An ensemble of the parts. A part that fails or refuses has no vote; when all fail, it fails.

    Of labels the confidence is the share of the weight, and ties go to the earlier part. CandidateError where the
    weights are not as many as the parts, where answers of the task cannot be combined, or for probabilities of what is
    no label.

    >>> from merits.core.candidate import Candidate
    >>> from merits.core.steps import replay
    >>> parts = tuple(Candidate(name=name, kind="most-common") for name in "abc")
    >>> vote = load(Params(), LoadContext(classes=("ham", "spam"), parts=parts))
    >>> said = [Answer("spam"), Answer("ham"), Answer("Ham.")]
    >>> replay(vote.steps("win!"), said.__getitem__).output
    'ham'
    """
    rule = rule_for(context, params.by)
    if params.weights and len(params.weights) != len(context.parts):
        raise CandidateError(
            f"there are {len(params.weights)} weights for {len(context.parts)} parts.", "Give one weight to each part."
        )
    if params.weigh == "probabilities" and rule != "labels":
        raise CandidateError(
            f"`weigh: probabilities` is for labels, and this votes on {rule}.", "Take `weigh: confidence`."
        )
    combine = combiner(rule, context, soft=params.weigh == "probabilities", middle=params.middle, k=params.k)
    return Vote(params, combine, len(context.parts))


def _sure(answer: Answer) -> float:
    sure = confidence_of(answer)
    return 1.0 if sure is None else sure

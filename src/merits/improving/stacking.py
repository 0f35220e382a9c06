"""Stacking: what makes one answer of the candidates' answers learns from dev how far to trust whom, out of fold."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from merits.candidates.ensembles.rules import rule_of
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.improving.combining.judging import Judge, kept_of
from merits.improving.combining.seeds import cannot_combine, members_of, recipe
from merits.improving.naming import listed
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "trains"
TITLE = "Stacking: learned how far to trust which candidate"

_CLOSER = 30.0


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What learns from the candidates' answers."""

    most: Annotated[int, Meta(ge=2, le=50, description="The most candidates that are combined.")] = 8
    inputs: Annotated[bool, Meta(description="Try it with the words or columns of the inputs too.")] = True
    keep: Annotated[int, Meta(ge=1, description="The most ensembles that are kept.")] = 1


def make(params: Params) -> Improver:
    """The improver: proposes stacks of all and of the best three, with inputs and without; keeps what is worth it."""

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        if why_not(brief):
            return []
        given = {one.id for one in brief.seeds}
        proposed = [one for one in _proposals(params, brief) if one.id not in given]
        if not proposed:
            return []
        evaluation = yield Trials(proposed)
        return kept_of(Judge(brief).judged(evaluation), params.keep)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why nothing can be stacked, in a sentence; "" where something can."""
    reason = cannot_combine(brief)
    if not reason and rule_of(brief.task.kind) == "rankings":
        return "Nothing is learned from lists of items; voting fuses them by their ranks."
    return reason


def _proposals(params: Params, brief: Brief) -> Iterator[Candidate]:
    seeds = [seed.candidate for seed in members_of(brief)[: params.most]]
    taken = {one.name for one in brief.seeds}
    rule = rule_of(brief.task.kind)
    for size in sorted({len(seeds), min(3, len(seeds))}, reverse=True):
        parts = seeds[:size]
        called = f"stack of {listed(parts)}"
        yield recipe("stack", parts, taken, called)
        if rule == "labels":  # the usual strength leaves too little of the probabilities of many classes
            yield recipe("stack", parts, taken, f"{called}, closer fit", strength=_CLOSER)
        if rule == "numbers":
            yield recipe("stack", parts, taken, f"{called}, ridge", numbers="ridge")
        if params.inputs and rule in ("labels", "numbers") and "text" in _reads(brief):
            yield recipe("stack", parts, taken, f"{called}, with inputs", inputs=True)


def _reads(brief: Brief) -> tuple[str, ...]:
    """What inputs hold, as far as a linear model can read it."""
    first = next(iter(brief.task.split("dev")), None)
    names_files = first is not None and bool(first.files)
    return () if names_files else ("text",)

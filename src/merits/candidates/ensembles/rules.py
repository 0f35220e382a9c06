"""Which rule makes one answer of many: it follows from the kind of task, unless a recipe says so."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from merits.candidates.ensembles.answers import Combine
from merits.candidates.ensembles.labels import by_label
from merits.candidates.ensembles.numbers import Middle, by_number
from merits.candidates.ensembles.rankings import by_rank
from merits.candidates.ensembles.rover import by_word
from merits.candidates.ensembles.texts import by_agreement
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.kinds import kind_names, task_kind

__all__ = ["Rule", "combiner", "rule_for", "rule_of"]

Rule: TypeAlias = Literal["labels", "numbers", "texts", "transcripts", "rankings"]


def rule_of(kind: str) -> Rule | None:
    """The rule for a kind of task; None where its answers cannot be combined, or the kind is not installed here.

    >>> [rule_of(kind) for kind in ("classification", "regression", "generation", "speech", "recommendation")]
    ['labels', 'numbers', 'texts', 'transcripts', 'rankings']
    >>> rule_of("text-to-image") is None
    True
    """
    if kind not in kind_names():
        return None
    declared = task_kind(kind)
    by_target: dict[str, Rule] = {"label": "labels", "number": "numbers", "items": "rankings", "record": "texts"}
    if declared.target == "text":
        return "transcripts" if "sound" in declared.reads else "texts"
    return by_target.get(declared.target)


def rule_for(context: LoadContext, given: Rule | None = None) -> Rule:
    """The rule that a recipe gives, else the one for the task; CandidateError where there is none."""
    rule = given or rule_of(context.task_kind)
    if rule is None:
        raise CandidateError(
            f"answers of the kind {context.task_kind} cannot be made into one.",
            f"Say how: by: {', '.join(get_args(Rule))}.",
        )
    return rule


def combiner(
    rule: Rule, context: LoadContext, *, soft: bool = False, shares: bool = False, middle: Middle = "mean", k: int = 60
) -> Combine:
    """What makes one answer of many by this rule."""
    match rule:
        case "labels":
            return by_label(context.classes, soft=soft, shares=shares)
        case "numbers":
            return by_number(middle)
        case "texts":
            return by_agreement()
        case "transcripts":
            return by_word()
        case "rankings":
            return by_rank(k)

"""Several candidates are asked, and what makes one answer of theirs has learned from examples how far to trust whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from merits.candidates.ensembles.answers import Combine, combined
from merits.candidates.ensembles.rules import Rule, combiner, rule_for
from merits.candidates.ensembles.stacking import Fit, Head, LabelHead, NumberHead, trust
from merits.candidates.imports import versions
from merits.candidates.keeping import keep_json, kept_json
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.steps import Steps
from merits.core.task import Example

__all__ = ["Params", "Stack", "load"]

ON_PREMISES = True
PARTS = (2, None)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Asks all its parts, and has learned from dev how far to trust whom."""

    strength: Annotated[
        float,
        msgspec.Meta(gt=0, description="Of labels: inverse of the regularisation (C) of the logistic regression."),
    ] = 1.0
    numbers: Annotated[
        Fit,
        msgspec.Meta(description="Of numbers: non-negative least squares without a constant, or ridge regression."),
    ] = "nonnegative"
    inputs: Annotated[
        bool, msgspec.Meta(description="Of labels and numbers: the words or columns of the input count too.")
    ] = False


class _Trusting:
    """Votes with weights that were learned, where answers are texts."""

    def __init__(self, rule: Rule, combine: Combine) -> None:
        self._by_word, self._combine = rule == "transcripts", combine
        self._weights: list[float] = []

    def learn(self, examples: Sequence[Example], said: Sequence[Mapping[str, Answer]]) -> None:
        """Finds how often each part is right."""
        self._weights = trust(examples, said, by_word=self._by_word)

    def keep(self, folder: Path) -> None:
        """Writes the weights."""
        keep_json(self._weights, folder / "weights.json")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._weights = kept_json(folder / "weights.json", list[float])

    def answer(self, input: JSON, answers: Sequence[Answer | None]) -> Answer:
        """The vote, of those that count."""
        came = [(one, weight) for one, weight in zip(answers, self._weights, strict=True) if one is not None]
        return combined([one for one, _ in came], [weight for _, weight in came], self._combine)


class Stack:
    """A composite that asks all parts at once, and a pupil of theirs: what they say of dev they say out of fold."""

    def __init__(self, head: Head, n_parts: int, seed: int) -> None:
        self._head: Head = head
        self._learned = False
        self.teachers = tuple(range(n_parts))
        self.fingerprint = content_hash(["stack 1", versions("sklearn"), seed])

    def asks(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples that have a target."""
        return [example for example in examples if example.target is not None]

    def learn(self, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> None:
        """Learns from all answers but refusals; CandidateError where that cannot be."""
        willing = [
            {key: answer for key, answer in said.get(part, {}).items() if not answer.refused} for part in self.teachers
        ]
        self._head.learn(self.asks(examples), willing)
        self._learned = True

    def keep(self, folder: Path) -> None:
        """Writes how far it trusts whom; what its parts have learned is kept by whoever keeps these."""
        if not self._learned:
            raise RuntimeError("kept before it has learned")
        self._head.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._head.restore(folder)
        self._learned = True

    def steps(self, input: JSON) -> Steps:
        """Asks every part, and makes one answer of what they say; RuntimeError before it has learned."""
        if not self._learned:
            raise RuntimeError("asked before it has learned")
        answers = yield self.teachers
        return combined(answers, [1.0] * len(answers), lambda came, weights: self._made(input, answers))

    def _made(self, input: JSON, answers: Sequence[Answer]) -> Answer:
        came = [answer if answer.failure is None and not answer.refused else None for answer in answers]
        return self._head.answer(input, came)


def load(params: Params, context: LoadContext) -> Composite:
    """An ensemble of the parts that learns ("stacking"): labels, numbers, texts or transcripts, by the kind of task.

    A part that fails or refuses is taken to say what it says on average; when all fail, it fails. CandidateError for a
    task without classes to choose from, and for lists of items, which `vote` fuses.
    """
    return Stack(_head(params, context), len(context.parts), context.seed)


def _head(params: Params, context: LoadContext) -> Head:
    match rule_for(context):
        case "labels" if context.classes:
            return LabelHead(context.classes, strength=params.strength, inputs=params.inputs, seed=context.seed)
        case "numbers":
            return NumberHead(params.numbers, inputs=params.inputs, seed=context.seed)
        case ("texts" | "transcripts") as rule:
            return _Trusting(rule, combiner(rule, context))
    raise CandidateError(
        f"nothing can be learned from the answers of {context.task_kind} here.",
        "Take `kind: vote`, which learns nothing.",
    )

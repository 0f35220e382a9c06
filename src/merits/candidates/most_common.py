"""Always the commonest answer among the training examples: what a candidate reaches by knowing nothing of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from merits.candidates.keeping import keep_json, kept_json
from merits.candidates.registry import LoadContext
from merits.candidates.texts import one_answer
from merits.core.answer import Answer
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example

__all__ = ["MostCommon", "Params", "load"]

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Answers every input with the commonest target of the dev split."""


class MostCommon:
    """A model that answers with the commonest target it was fitted on; ties go to the one that sorts first.

    In a classification the shares of the classes among the training examples are its probabilities.
    """

    fingerprint = "most-common 1"
    concurrency = None

    def __init__(self, *, with_probabilities: bool, kind: str = "") -> None:
        self._kind = kind
        self._with_probabilities = with_probabilities
        self._answer: Answer | None = None

    def fit(self, examples: Sequence[Example]) -> None:
        """Count the targets."""
        targets = [one_answer(example.target, self._kind) for example in examples if example.target is not None]
        if not targets:
            raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
        keys = [content_hash(target) for target in targets]
        values: dict[str, JSON] = dict(zip(keys, targets, strict=True))
        counts = Counter(keys)
        best = min(counts, key=lambda key: (-counts[key], str(values[key])))
        probabilities = {str(values[key]): count / len(targets) for key, count in sorted(counts.items())}
        self._answer = Answer(
            output=values[best],
            probabilities=probabilities if self._with_probabilities else None,
            confidence=None if self._with_probabilities else counts[best] / len(targets),
        )

    async def answer(self, input: JSON) -> Answer:
        """The commonest target; RuntimeError before `fit`."""
        if self._answer is None:
            raise RuntimeError("asked before it was fitted")
        return self._answer

    def keep(self, folder: Path) -> None:
        """Writes the answer."""
        if self._answer is None:
            raise RuntimeError("kept before it was fitted")
        keep_json(self._answer, folder / "answer.json")

    def restore(self, folder: Path) -> None:
        """Takes the answer that `keep` wrote."""
        self._answer = kept_json(folder / "answer.json", Answer)

    async def close(self) -> None:
        """Nothing is held."""


def load(params: Params, context: LoadContext) -> Trainable:
    """A model that learns nothing but which target is the commonest.

    >>> import asyncio
    >>> model = load(Params(), LoadContext())
    >>> model.fit([Example("1", "a", "no"), Example("2", "b", "yes"), Example("3", "c", "no")])
    >>> answer = asyncio.run(model.answer("anything"))
    >>> answer.output, round(answer.probabilities["no"], 3)
    ('no', 0.667)
    """
    return MostCommon(with_probabilities=context.is_labelled, kind=context.task_kind)

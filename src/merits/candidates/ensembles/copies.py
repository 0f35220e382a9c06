"""Several trained copies of one candidate, answering together. Knows nothing about what each of them learned from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from merits.candidates.ensembles.answers import Combine
from merits.candidates.keeping import keep_inside, keep_json, kept_json, restore_inside
from merits.candidates.memory import together, weights_of
from merits.candidates.registry import LoadContext, kind_of, load_part
from merits.core.answer import Answer, Usage
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["Copies", "fresh_copies", "said_now"]


def fresh_copies(context: LoadContext, n: int) -> list[Trainable]:
    """That many untrained copies of the recipe's part, each with a seed of its own.

    They embed anew for each answer, in a trial too: together they are timed by the clock, to which what one of them
    knows says nothing. CandidateError where the part learns nothing, or is asked over a network: its answers would not
    be kept one by one.
    """
    (part,) = context.parts
    if not getattr(kind_of(part), "RUNS_HERE", True):
        raise CandidateError(
            f"{part.name!r} is asked over a network, and what each copy answers would not be kept.",
            "Take a candidate that is trained here; `vote` combines candidates over a network.",
        )
    copies: list[Trainable] = []
    for number in range(n):
        copy = load_part(replace(context, seed=context.seed + number, trial=False), 0)
        if not isinstance(copy, Trainable):
            raise CandidateError(
                f"{part.name!r} ({part.kind}) learns from no examples, so all copies of it would say the same.",
                "Take a candidate that is trained on dev: text-linear, sklearn, quantile-boosting, image-cnn, ...",
            )
        copies.append(copy)
    return copies


class Copies:
    """What trained copies have in common: they answer together, and what they use is on one bill."""

    concurrency = 16

    def __init__(self, copies: Sequence[Trainable], combine: Combine, fingerprint: str) -> None:
        self._copies = copies
        self._combine = combine
        self.fingerprint = fingerprint
        self.weights = together(weights_of(copy) for copy in copies)
        self._voters: Sequence[Model] = ()
        self._shares: Sequence[float] = ()

    async def answer(self, input: JSON) -> Answer:
        """What the copies say together; raises what one of them raises, and RuntimeError before `fit`."""
        if not self._voters:
            raise RuntimeError("asked before it was fitted")
        said = await asyncio.gather(*(copy.answer(input) for copy in self._voters))
        usage = Usage(machine_s=sum(answer.usage.machine_s for answer in said))
        return msgspec.structs.replace(self._combine(said, self._shares), usage=usage)

    def keep(self, folder: Path) -> None:
        """Writes each copy that votes, and how much it counts; CandidateError where the part cannot be kept."""
        if not self._voters:
            raise RuntimeError("kept before it was fitted")
        for number, copy in enumerate(self._voters):
            keep_inside(copy, folder, str(number))
        keep_json(list(self._shares), folder / "shares.json")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        shares = kept_json(folder / "shares.json", list[float])
        if not 0 < len(shares) <= len(self._copies):
            raise CandidateError("the kept files are of another candidate.", "Release it anew: merits release")
        voters = self._copies[: len(shares)]  # boosting ends early, and then the first ones vote
        for number, copy in enumerate(voters):
            restore_inside(copy, folder, str(number))
        self._voters, self._shares = voters, shares

    async def close(self) -> None:
        """Releases the copies. May be called twice."""
        for copy in self._copies:
            await copy.close()


def said_now(model: Model, examples: Sequence[Example]) -> list[Answer | None]:
    """What a model says of examples, None of one that cannot be read; in a loop of its own, for `fit` has a thread."""

    async def say(example: Example) -> Answer | None:
        try:
            return await model.answer(example.input)
        except DataError:
            return None

    async def ask() -> list[Answer | None]:
        return list(await asyncio.gather(*map(say, examples)))

    return asyncio.run(ask())

"""Makes further examples of those there are, by name. Knows nothing about who learns from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from merits.candidates.augmenting.mixup import mixed
from merits.candidates.augmenting.smote import smote
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.media.finding import Media
from merits.perturbations.inputs import Applied, asked_as
from merits.perturbations.registry import perturbation, perturbation_names

__all__ = ["Made", "Maker", "group_of", "made_example", "strengths_of", "versions_of"]

MIXING = {"smote": 1.0, "mixup": 0.2}  # those that need more than one example, with their usual strengths


@dataclass(frozen=True)
class Made:
    """An example that was made, and the shares of labels in it where it is of several."""

    example: Example
    shares: Mapping[str, float] | None = None


def strengths_of(methods: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    """The methods with their strengths, the middle customary ones where none are given.

    CandidateError, with the near miss, for a name that no method has.

    >>> strengths_of(["typos"]), strengths_of({"smote": 0.5})
    ({'typos': 0.05}, {'smote': 0.5})
    """
    found = dict(methods) if isinstance(methods, Mapping) else dict.fromkeys(methods)
    strengths: dict[str, float] = {}
    for name, given in found.items():
        known = (*perturbation_names(), *MIXING)
        if name not in known:
            raise CandidateError(f"there is no method {name!r} that makes examples.", did_you_mean(name, known))
        usual = MIXING[name] if name in MIXING else _usual(name)
        strengths[name] = usual if given is None else float(given)
    return strengths


def _usual(name: str) -> float:
    levels = perturbation(name).LEVELS
    return levels[len(levels) // 2]


def versions_of(strengths: Mapping[str, float]) -> list[str]:
    """What stands for the methods in a fingerprint."""
    return [
        f"{name} {strength:g} v{1 if name in MIXING else perturbation(name).VERSION}"
        for name, strength in strengths.items()
    ]


class Maker:
    """Makes examples by some methods; what is made of a picture or a sound is a file in the task's `.merits` folder."""

    def __init__(self, strengths: Mapping[str, float], copies: int, context: LoadContext) -> None:
        self._strengths, self._copies, self._context = strengths, copies, context
        self._media = Media.of(context)
        self._folder = Path(context.folder) / ".merits" / "augmented"

    def made_of(self, examples: Sequence[Example]) -> list[Made]:
        """What is made of the examples, by every method; what comes out as it went in, or cannot be read, is not there.

        The same examples and seed make the same. CandidateError for a strength that makes no sense.
        """
        made: list[Made] = []
        for name, strength in self._strengths.items():
            try:
                for copy in range(self._copies):
                    made += self._by(name, strength, copy, examples)
            except ValueError as problem:
                raise CandidateError(f"{name}: {strength:g} is no strength: {problem}.", "Mend `methods`.") from None
        return made

    def _by(self, name: str, strength: float, copy: int, examples: Sequence[Example]) -> list[Made]:
        if name == "smote":
            rows = smote(examples, strength, self._random(name, copy)) if copy == 0 else []
            return [self._of(examples[n], row, f"smote {number}") for number, (n, row) in enumerate(rows)]
        if name == "mixup":
            return self._mixed(examples, strength, copy)
        return self._perturbed(name, strength, copy, examples)

    def _perturbed(self, name: str, strength: float, copy: int, examples: Sequence[Example]) -> list[Made]:
        found = perturbation(name)
        seed = int.from_bytes(blake2b(f"{self._context.seed} copy {copy}".encode(), digest_size=6).digest(), "big")
        study: Callable[[Sequence[JSON]], Any] | None = getattr(found, "study", None)
        studied = None if study is None else study([example.input for example in examples])
        key = asked_as(name, strength, found.VERSION, seed)
        applied = Applied(found, strength, name, key, seed, self._media, self._folder, lambda: studied)
        made = []
        for example in examples:
            try:
                changed = applied.to(example.input)
            except DataError:  # said by whoever learns, which reads it too
                continue
            if changed != example.input:
                made.append(self._of(example, changed, f"{name} {copy + 1}"))
        return made

    def _mixed(self, examples: Sequence[Example], strength: float, copy: int) -> list[Made]:
        made = []
        for first, second, share, file in mixed(
            examples, strength, self._random("mixup", copy), self._media, self._folder
        ):
            one, other = examples[first], examples[second]
            input: JSON = file if isinstance(one.input, str) else _with_file(one.input, file, self._media)
            shares = {str(other.target): 1.0 - share}
            shares[str(one.target)] = shares.get(str(one.target), 0.0) + share
            made.append(Made(self._of(one, input, f"mixup {copy + 1}").example, shares))
        return made

    def _of(self, example: Example, input: JSON, how: str) -> Made:
        return Made(made_example(example, input, how, self._media))

    def _random(self, name: str, copy: int) -> np.random.Generator:
        drawn = blake2b(f"{self._context.seed}/{name}/{copy}".encode(), digest_size=16).digest()
        return np.random.default_rng(int.from_bytes(drawn, "big"))


def group_of(example: Example) -> str:
    """What an example and all that is made of it share, so that none tells on the other where part is held out."""
    return example.group or example.input_hash


def made_example(example: Example, input: JSON, how: str, media: Media) -> Example:
    """An example with another input, of the same group as what it was made of; the tag `source` says how."""
    return msgspec.structs.replace(
        example,
        id=f"{example.id} {how}",
        input=input,
        group=group_of(example),
        tags={**example.tags, "source": how.split(maxsplit=1)[0]},
        files=media.contents(input),
    )


def _with_file(input: JSON, file: str, media: Media) -> JSON:
    assert isinstance(input, Mapping)
    return {
        name: file if isinstance(cell, str) and media.file(cell) is not None else cell for name, cell in input.items()
    }

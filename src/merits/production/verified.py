"""A release is opened as a server would, and asked test examples: does it say what it was judged by?"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.release import Release
from merits.core.task import Example
from merits.media.finding import Media
from merits.serving.unit import LoadedUnit, open_unit

__all__ = ["Difference", "Verified", "verified"]

_AT_ONCE = 8
_CLOSE = 1e-6  # numbers that differ by less, relative to their size, are the same: another processor rounds otherwise


class Difference(msgspec.Struct, frozen=True):
    """An example to which a release does not say what was stored."""

    example: str
    stored: JSON
    now: JSON


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """How many test examples a release was asked, and what it said otherwise than when it was judged.

    `n_asked` is 0 where it was not asked; `why_not` says why. `is_remote` where answers come over a network: such a
    candidate may say something else each time.
    """

    n_asked: int
    differences: tuple[Difference, ...] = ()
    is_remote: bool = False
    why_not: str = ""

    @property
    def text(self) -> str:
        """In a sentence.

        >>> Verified(n_asked=50).text
        '50 of 50 answers are those that were judged'
        """
        if not self.n_asked:
            return f"not asked: {self.why_not}"
        same = self.n_asked - len(self.differences)
        return f"{same} of {self.n_asked} answers are those that were judged"


async def verified(
    release: Release,
    folder: Path,
    stored: Sequence[tuple[Example, Answer]],
    *,
    n: int | None,
    data_folders: Sequence[str],
    env: Mapping[str, str] | None = None,
) -> Verified:
    """What came of asking a release, opened from its folder, some of the examples whose answers are stored.

    `n` is how many; None for 50 where nothing is asked over a network, and none where something is. Which ones is
    drawn by the release's seed. `data_folders` are where pictures and sounds lie that inputs name. Raises what
    `open_unit` does.
    """
    unit = await open_unit(release, folder, env=env)
    try:
        wanted = (0 if unit.is_remote else 50) if n is None else n
        if not wanted:
            why = "its answers are paid for; --verify N asks N" if unit.is_remote and n is None else "--verify 0"
            return Verified(n_asked=0, is_remote=unit.is_remote, why_not=why)
        drawn = random.Random(release.settings.seed).sample(list(stored), min(wanted, len(stored)))
        if not drawn:
            return Verified(n_asked=0, is_remote=unit.is_remote, why_not="no answer is stored")
        media = Media([Path(place) for place in data_folders])
        now = await _asked(unit, [_with_places(example, media) for example, _ in drawn])
        differences = tuple(
            Difference(example.id, before.output, after.output if after.failure is None else after.failure.message)
            for (example, before), after in zip(drawn, now, strict=True)
            if after.failure is not None or not _same(before.output, after.output)
        )
        return Verified(n_asked=len(drawn), differences=differences, is_remote=unit.is_remote)
    finally:
        await unit.close()


async def _asked(unit: LoadedUnit, inputs: Sequence[JSON]) -> list[Answer]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(input: JSON) -> Answer:
        async with turns:
            return (await unit.answer(input)).answer

    return list(await asyncio.gather(*map(ask, inputs)))


def _with_places(example: Example, media: Media) -> JSON:
    """The input with the places of its files, as a server is given them."""
    places = {name: str(file.resolve()) for name in example.files if (file := media.file(name)) is not None}
    return _replaced(example.input, places) if places else example.input


def _replaced(value: JSON, places: Mapping[str, str]) -> JSON:
    if isinstance(value, str):
        return places.get(value, value)
    if isinstance(value, Mapping):
        return {name: _replaced(cell, places) for name, cell in value.items()}
    return [_replaced(cell, places) for cell in value] if isinstance(value, Sequence) else value


def _same(one: JSON, other: JSON) -> bool:
    """Whether two outputs say the same; numbers may differ by rounding."""
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(float(one), float(other), rel_tol=_CLOSE, abs_tol=1e-9)  # type: ignore[arg-type]
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other

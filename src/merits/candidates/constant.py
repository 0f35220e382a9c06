"""Always the same answer: the least that a candidate can do, and the least that another must beat."""

from __future__ import annotations

from typing import Annotated

import msgspec

from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON

__all__ = ["Constant", "Params", "load"]

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Answers every input with the same output."""

    output: Annotated[JSON, msgspec.Meta(description="The answer to every input: a text, a number, or any JSON.")]


class Constant:
    """A model with one answer for everything."""

    fingerprint = "constant 1"
    concurrency = None

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def answer(self, input: JSON) -> Answer:
        """The one answer."""
        return self._answer

    async def close(self) -> None:
        """Nothing is held."""


def load(params: Params, context: LoadContext) -> Model:
    """A model that always answers `params.output`.

    >>> import asyncio
    >>> asyncio.run(load(Params(output="yes"), LoadContext()).answer("is it?")).output
    'yes'
    """
    return Constant(Answer(output=params.output))

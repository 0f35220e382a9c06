"""Says what it was asked: for a translation the source as it is, the least that a translator must beat."""

from __future__ import annotations

import msgspec

from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON

__all__ = ["Copying", "Params", "load"]

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Answers with the input as it is: of a translation, the source."""


class Copying:
    """A model that copies."""

    fingerprint = "copy 1"
    concurrency = None

    async def answer(self, input: JSON) -> Answer:
        """The input as a text."""
        return Answer(output=as_text(input))

    async def close(self) -> None:
        """Nothing is held."""


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers every input with itself.

    >>> import asyncio
    >>> asyncio.run(load(Params(), LoadContext()).answer("Good morning!")).output
    'Good morning!'
    """
    return Copying()

"""What another tool asked: its answers are in the store, and it is asked nothing more.

Scored anew by `merits run`, the stored answers cost nothing; a question without one failed.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash

__all__ = ["KIND", "Imported", "Params", "load", "version_of"]

KIND = "imported"
_FINGERPRINT = "imported 1"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A candidate whose answers `merits import` took from another tool's results; it is asked nothing."""

    candidate: Annotated[str, msgspec.Meta(description="What the other tool calls it.")]
    task: Annotated[str, msgspec.Meta(description="The task that it was imported for.")] = ""


class Imported:
    """A model that has said all it will ever say."""

    fingerprint = _FINGERPRINT
    concurrency = None

    def __init__(self, name: str) -> None:
        self._name = name

    async def answer(self, input: JSON) -> Answer:
        """The failure that this was not among what was imported."""
        found = f"{self._name} was imported, and its answer to this question was not among what was read"
        return Answer(failure=Failure("bad_request", found))

    async def close(self) -> None:
        """Nothing is held."""


def version_of(candidate: Candidate) -> str:
    """The version under which the answers of an imported candidate are stored."""
    return content_hash([candidate.id, _FINGERPRINT])


def load(params: Params, context: LoadContext) -> Model:
    """A model that fails on whatever is not stored.

    >>> import asyncio
    >>> asyncio.run(load(Params(candidate="gpt"), LoadContext()).answer("Why?")).failure.kind
    'bad_request'
    """
    return Imported(params.candidate)

"""A model that answers as another one does, and differs from it in what it has learned from."""

from __future__ import annotations

from pathlib import Path

from merits.candidates.keeping import keep_inside, restore_inside
from merits.candidates.memory import weights_of
from merits.candidates.registry import LoadContext, kind_of, load_part
from merits.candidates.studying import Studious
from merits.core.answer import Answer
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["Wrapped", "trainable_part"]

_STUDENTS = "Take one that learns, such as text-linear, embeddings-linear, sklearn, image-cnn or transformer-finetune."


class Wrapped:
    """Answers, waits and frees memory as the model inside does; what it learned from is in its own fingerprint."""

    def __init__(self, inside: Model) -> None:
        self.inside = inside
        self.timed = bool(getattr(inside, "timed", False))
        self.weights = weights_of(inside)

    @property
    def concurrency(self) -> int | None:
        """That of the model inside."""
        return self.inside.concurrency

    @property
    def size_bytes(self) -> int | None:
        """What the model inside takes on disk, where it says so."""
        found = getattr(self.inside, "size_bytes", None)
        return found if isinstance(found, int) else None

    async def answer(self, input: JSON) -> Answer:
        """What the model inside answers."""
        return await self.inside.answer(input)

    def keep(self, folder: Path) -> None:
        """Keeps the model inside: what it learned from is not needed to answer."""
        keep_inside(self.inside, folder, "inside")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        restore_inside(self.inside, folder, "inside")

    async def close(self) -> None:
        """Closes the model inside. May be called twice."""
        await self.inside.close()


def trainable_part(context: LoadContext, number: int, verb: str) -> Trainable:
    """The part of a recipe that is to learn; CandidateError, with what could, where it learns nothing here.

    One that is asked over a network is refused: what is learned from would be sent away with every question.
    """
    part = context.parts[number]
    if not getattr(kind_of(part), "RUNS_HERE", True):
        raise CandidateError(f"{part.name!r} ({part.kind}) runs elsewhere and cannot be {verb} here.", _STUDENTS)
    model = load_part(context, number)
    if isinstance(model, Studious):
        raise CandidateError(f"{part.name!r} ({part.kind}) learns with a model of its own that is paid for.", _STUDENTS)
    if not isinstance(model, Trainable):
        raise CandidateError(
            f"{part.name!r} ({part.kind}) learns nothing from examples, so it cannot be {verb}.", _STUDENTS
        )
    return model

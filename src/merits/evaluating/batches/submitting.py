"""Packs questions into batches and submits them. The order of its steps is what survives a crash."""

from __future__ import annotations

import secrets

from merits.candidates.batching import Limits, parts_of
from merits.core.answer import Failure, FailureKind
from merits.core.doors import AnswerKey
from merits.evaluating.batches.desk import Contact
from merits.evaluating.batches.in_flight import InFlight
from merits.evaluating.batches.questions import Questions

__all__ = ["Submitting"]

_REFUSALS: frozenset[FailureKind] = frozenset({"bad_request", "unauthorised", "rate_limited"})
_LASTING: frozenset[FailureKind] = frozenset({"bad_request", "unauthorised"})
_FULL = "Wait until your other batches are done, or ask the provider for a higher limit."
_REFUSED = "Check the API key and the candidate's parameters, or run without --batch."


class Submitting:
    """Submits what is in no batch, in parts that the provider takes."""

    def __init__(self, contact: Contact, questions: Questions, flight: InFlight) -> None:
        self._contact, self._questions, self._flight = contact, questions, flight
        self._limits = contact.batches.limits
        self._full = False

    async def all(self) -> None:
        """Nothing, once all that is free is submitted, or as much of it as the provider takes now."""
        if self._contact.given_up:
            return
        if self._full and self._flight.open:
            return  # one after the other, once the queue was found to be full
        lines = list(self._questions.sized(self._free(), _new_id()))
        for first, end in parts_of((size for _, size in lines), self._limits):
            keys = self._questions.paid([key for key, _ in lines[first:end]], self._free)
            if not keys or not await self._these(keys) or self._full:
                return

    def queue_is_full(self, n: int, why: str) -> None:
        """Takes note that a batch of `n` questions was one too many."""
        if self._flight.any_elsewhere:
            self._full = True  # another candidate's batch takes the room: wait for its end
        elif n == 1:
            self._contact.give_up(f"its provider's queue is full: {why}", _FULL)
        else:
            self._full, self._limits = True, Limits(n // 2, self._limits.n_bytes)
            self._contact.note(f"the provider's queue is full ({why}); what is left is submitted in smaller parts")

    def _free(self) -> list[AnswerKey]:
        return self._flight.free(self._questions.left)

    async def _these(self, keys: list[AnswerKey]) -> bool:
        """Whether there is a point in submitting more now."""
        contact, flight, id = self._contact, self._flight, _new_id()
        made = [self._questions.request(key, id, number) for number, key in enumerate(keys)]
        requests = [request for request in made if isinstance(request, bytes)]
        submission = await flight.intend(id, keys)
        file = await contact.tried(contact.batches.upload(id, requests))
        if isinstance(file, Failure):
            await flight.stage(submission, "void", why=file.message)
            return self._refused(file)
        submission = await flight.stage(submission, "sent", file=file)
        batch = await contact.tried(contact.batches.create(id, requests, file))
        if isinstance(batch, Failure):
            if batch.kind not in _REFUSALS:
                contact.note(
                    f"it is not known whether a batch of {len(keys):,} arrived ({batch.message}); looking for it"
                )
                return False
            await flight.stage(submission, "void", why=batch.message)
            return self._refused(batch)
        await flight.stage(submission, "accepted", batch=batch)
        contact.fine()
        contact.note(f"{len(keys):,} questions submitted as {batch}")
        return True

    def _refused(self, failure: Failure) -> bool:
        """False: nothing more is to be submitted now."""
        if failure.kind in _LASTING:
            self._contact.give_up(f"its batch was refused: {failure.message}", _REFUSED)
        else:
            self._contact.troubled(failure)
        return False


def _new_id() -> str:
    return f"merits_{secrets.token_hex(10)}"

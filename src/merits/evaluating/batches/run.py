"""One candidate's questions on their way through batches: look after what is in flight, submit the rest, wait."""

from __future__ import annotations

from collections.abc import Mapping

from merits.candidates.batching import Batches
from merits.core.doors import AnswerKey
from merits.core.identity import JSON
from merits.evaluating.batches.collecting import Collecting
from merits.evaluating.batches.desk import Contact, Desk, Who
from merits.evaluating.batches.following import Following
from merits.evaluating.batches.in_flight import InFlight
from merits.evaluating.batches.questions import Questions
from merits.evaluating.batches.submitting import Submitting

__all__ = ["BatchRun"]


class BatchRun:
    """One candidate's questions on their way through batches.

    What was accepted before the candidate was given up stays in flight.
    """

    def __init__(self, who: Who, batches: Batches, questions: Mapping[AnswerKey, tuple[int, JSON]], desk: Desk) -> None:
        self._desk = desk
        self._contact = Contact(who, batches, desk)
        self._questions = Questions(who, batches, questions, desk)
        self._flight = InFlight(who.version, desk)
        self._submitting = Submitting(self._contact, self._questions, self._flight)
        self._collecting = Collecting(self._contact, self._questions, self._flight)
        self._following = Following(self._contact, self._flight, self._submitting, self._collecting)

    async def ask(self) -> None:
        """Nothing, once all is answered; without waiting, once all is submitted and what is ready is collected."""
        self._resume()
        while True:
            await self._following.all()
            await self._submitting.all()
            if not self._questions.left or self.given_up:
                return
            if not self._desk.batching.wait:
                await self._following.all()  # when what was submitted just now ends, or that it was refused at once
                return
            await self._desk.sleep(self._desk.batching.poll_s)

    @property
    def given_up(self) -> str:
        """Why the candidate cannot be asked; "" when it can."""
        return self._contact.given_up

    @property
    def next_step(self) -> str:
        """What helps then."""
        return self._contact.next_step

    @property
    def n_asked(self) -> int:
        """The questions of which this run learned what became of them."""
        return self._questions.n_asked

    @property
    def collected(self) -> list[str]:
        """The batches that were collected in this run."""
        return self._collecting.collected

    @property
    def n_open(self) -> int:
        """Questions of which nothing is known yet: in flight, or waiting for a place in the queue."""
        left = self._questions.left
        return len(left) - (len(self._flight.free(left)) if self.given_up else 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The batches in flight, as the provider names them."""
        return self._flight.names

    @property
    def ends_at(self) -> float | None:
        """When the last of them ends at the latest, in UNIX seconds; None when no provider said so."""
        return self._following.ends_at

    def _resume(self) -> None:
        self._flight.resume(self._questions.left)
        n = len(self._flight.open)
        if n:
            self._contact.note(f"{n} {'batch' if n == 1 else 'batches'} of an earlier run to be collected")

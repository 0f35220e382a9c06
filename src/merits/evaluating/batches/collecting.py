"""Collects what came of a batch; only when all of that is on disk does the batch count as collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing

from merits.candidates.batcher import in_thread
from merits.candidates.batching import Status, number_of
from merits.core.answer import Answer, Failure
from merits.core.batching import Submission
from merits.core.doors import AnswerKey, StoredAnswer
from merits.evaluating.batches.desk import Contact
from merits.evaluating.batches.in_flight import InFlight, key_of
from merits.evaluating.batches.questions import Questions

__all__ = ["Collecting"]

_LONGEST_READING_S = 3600.0


class Collecting:
    """Reads results, and stores them. `collected` names the batches of which nothing more is to come."""

    def __init__(self, contact: Contact, questions: Questions, flight: InFlight) -> None:
        self._contact, self._questions, self._flight = contact, questions, flight
        self.collected: list[str] = []

    async def all_of(self, submission: Submission, status: Status) -> None:
        """Nothing, once a batch that ended is collected; one whose results could not be read whole stays open."""
        strangers: dict[AnswerKey, Answer] = {}
        read = await self._contact.tried(self._read(submission, status, strangers), within_s=_LONGEST_READING_S)
        if isinstance(read, Failure):  # what was read is kept, and the rest is read at the next look
            self._contact.troubled(read)
            return
        left = [key for key in map(key_of, submission.keys) if key in self._questions.left]
        n_expired, n_cancelled = self._questions.unanswered(left, read)
        await self._contact.desk.taker.flush()
        await self._keep(strangers)
        await self._flight.stage(submission, "collected")
        self.collected.append(submission.batch)
        self._contact.note(f"{submission.batch}: collected{_of_these(n_expired, n_cancelled)}")

    async def _read(
        self, submission: Submission, status: Status, strangers: dict[AnswerKey, Answer]
    ) -> Callable[[AnswerKey], str]:
        """What became of the questions without an answer, once all results are read."""
        became: dict[AnswerKey, str] = {}
        questions, taker = self._questions, self._contact.desk.taker
        failed = await in_thread(lambda: self._flight.failed_before(submission))
        async with aclosing(self._contact.batches.results(submission.batch, status)) as results:
            async for result in results:
                number = number_of(result.custom_id, submission.id)
                if number is None or number >= len(submission.keys):
                    continue
                key = key_of(submission.keys[number])
                if result.what in ("expired", "cancelled"):
                    became[key] = result.what
                    continue
                answer = questions.answer(result)
                if key not in questions.left:
                    strangers[key] = answer
                elif answer.failure is not None and key in failed:
                    questions.leave(key)
                elif not questions.take(key, answer):
                    await taker.room()
        return lambda key: became.get(key, status.unanswered)

    async def _keep(self, strangers: Mapping[AnswerKey, Answer]) -> None:
        """Stores answers to what this run does not ask: they are paid for."""
        version, desk = self._contact.who.version, self._contact.desk
        store, now = desk.store, desk.clock()
        known = store.answers(version, strangers) if strangers else {}
        new = [
            StoredAnswer(version, key, answer, now)
            for key, answer in strangers.items()
            if _adds(known.get(key), answer)
        ]
        if new:
            await in_thread(lambda: store.add(new))


def _adds(known: Answer | None, answer: Answer) -> bool:
    """Whether an answer is worth keeping beside what is known: a failure that is read again happened once."""
    return known is None or (known.failure is not None and answer.failure is None)


def _of_these(n_expired: int, n_cancelled: int) -> str:
    said = [f"{n_expired:,} expired and are asked again"] if n_expired else []
    if n_cancelled:
        said.append(f"{n_cancelled:,} were cancelled there (the same command asks them again)")
    return f"; {'; '.join(said)}" if said else ""

"""Looks after what is in flight: whether it arrived, how far it is, and that it is collected when it is done."""

from __future__ import annotations

from merits.candidates.batching import Status
from merits.core.answer import Failure
from merits.core.batching import Submission
from merits.evaluating.batches.collecting import Collecting
from merits.evaluating.batches.desk import Contact
from merits.evaluating.batches.in_flight import InFlight
from merits.evaluating.batches.submitting import Submitting

__all__ = ["Following"]

_OVER_AFTER_S = 25 * 3600.0  # no provider works on a batch for longer than a day
_OTHER_ACCOUNT = (
    "Use the key and the address that it was submitted with. "
    "It is asked again, and paid again, only a day after that, when no provider works on it any more."
)


class Following:
    """Looks at each submission that is open, and takes the step that follows."""

    def __init__(self, contact: Contact, flight: InFlight, submitting: Submitting, collecting: Collecting) -> None:
        self._contact, self._flight = contact, flight
        self._submitting, self._collecting = submitting, collecting
        self._progress: dict[str, int] = {}
        self._ends_at: dict[str, float] = {}

    async def all(self) -> None:
        """Nothing, once each was looked at, or the candidate was given up."""
        for submission in list(self._flight.open.values()):
            now = submission if submission.stage == "accepted" else await self._resolved(submission)
            if now is not None:
                await self._follow(now)
            if self._contact.given_up:
                return

    @property
    def ends_at(self) -> float | None:
        """When the last of them ends at the latest, in UNIX seconds; None when no provider said so."""
        return max((at for id, at in self._ends_at.items() if id in self._flight.open), default=None)

    async def _resolved(self, submission: Submission) -> Submission | None:
        """What became of a submission of which only is known that it was sent; None while that is open, or nothing."""
        contact, flight = self._contact, self._flight
        found = await contact.tried(contact.batches.find(submission, flight.known_but(submission.id)))
        if isinstance(found, Failure):
            contact.troubled(found)
        elif found.batch:
            contact.note(f"{found.batch} was accepted before an earlier run ended; it is not submitted again")
            return await flight.stage(submission, "accepted", batch=found.batch)
        elif not found.maybe and self._age_s(submission) >= contact.desk.batching.grace_s:
            await flight.stage(submission, "void", why="it never arrived at the provider")
        return None

    async def _follow(self, submission: Submission) -> None:
        status = await self._contact.tried(self._contact.batches.status(submission.batch))
        if isinstance(status, Failure):
            await self._lost(submission, status)
            return
        self._contact.fine()
        if status.ends_at is not None:
            self._ends_at[submission.id] = status.ends_at
        if status.stage == "running":
            self._tell(submission, status)
        elif status.stage == "refused":
            await self._not_begun(submission, status)
        else:
            await self._collecting.all_of(submission, status)

    async def _lost(self, submission: Submission, failure: Failure) -> None:
        """The provider does not say how a batch is."""
        if not failure.message.startswith("404"):
            self._contact.troubled(failure)
        elif self._age_s(submission) > _OVER_AFTER_S:
            await self._flight.stage(submission, "void", why=failure.message)
            self._contact.note(
                f"the provider no longer knows {submission.batch}; what is not stored of it is asked again"
            )
        else:
            self._contact.give_up(
                f"the provider does not know {submission.batch}, which it accepted: {failure.message}", _OTHER_ACCOUNT
            )

    async def _not_begun(self, submission: Submission, status: Status) -> None:
        await self._flight.stage(submission, "void", why=status.why)
        if status.full:
            self._submitting.queue_is_full(len(submission.keys), status.why)
        else:
            why = f"its batch {submission.batch} was refused: {status.why}"
            self._contact.give_up(why, "Check the candidate's parameters, or run without --batch.")

    def _tell(self, submission: Submission, status: Status) -> None:
        """Says how far a batch is, each time that a tenth more of it is done."""
        tenth = 10 * status.n_done // max(status.n, 1)
        if tenth > self._progress.get(submission.id, 0):
            self._progress[submission.id] = tenth
            self._contact.note(f"{submission.batch}: {status.n_done:,} of {status.n:,} done")

    def _age_s(self, submission: Submission) -> float:
        return self._contact.desk.clock() - submission.at

"""The submissions of which answers may still come, as they stand in the store."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from merits.candidates.batcher import in_thread
from merits.core.answer import Answer
from merits.core.batching import Stage, Submission
from merits.core.doors import AnswerKey, Store
from merits.core.errors import UsageError
from merits.evaluating.batches.desk import Desk

__all__ = ["InFlight", "check_none_in_flight", "in_flight", "key_of", "note_collected"]


class InFlight:
    """The submissions of one version that may be in flight, by id; each step of one is on disk before it counts."""

    def __init__(self, version: str, desk: Desk) -> None:
        self._version, self._desk = version, desk
        self.open: dict[str, Submission] = {}
        self._resumed: frozenset[str] = frozenset()

    def resume(self, keys: Collection[AnswerKey]) -> None:
        """Takes up what an earlier run left of these questions."""
        self.open |= {each.id: each for each in _touching(self._desk.store, self._version, keys)}
        self._resumed = frozenset(self.open)

    def failed_before(self, submission: Submission) -> frozenset[AnswerKey]:
        """What of a batch failed by the account of an earlier run, which died before it had collected it whole."""
        if submission.id not in self._resumed:
            return frozenset()
        stored = _stored_since(self._desk.store, submission)
        return frozenset(key for key, answer in stored.items() if answer.failure is not None)

    def free(self, keys: Collection[AnswerKey]) -> list[AnswerKey]:
        """Those of these questions that are in no batch."""
        taken = {key for submission in self.open.values() for key in submission.keys}
        return [key for key in keys if key not in taken]

    @property
    def names(self) -> tuple[str, ...]:
        """The batches, as the provider names them."""
        return tuple(submission.batch or submission.id for submission in self.open.values())

    @property
    def any_elsewhere(self) -> bool:
        """Whether any batch is open, of any candidate."""
        return any(each.is_open for each in self._desk.store.submissions())

    def known_but(self, id: str) -> frozenset[str]:
        """The batches of all other submissions."""
        return frozenset(each.batch for each in self._desk.store.submissions() if each.id != id and each.batch)

    async def intend(self, id: str, keys: Collection[AnswerKey]) -> Submission:
        """A submission of these questions, of which nothing is sent yet."""
        submission = Submission(id=id, version=self._version, stage="intended", at=self._desk.clock(), keys=tuple(keys))
        await self._add(submission)
        return submission

    async def stage(self, submission: Submission, stage: Stage, **said: str) -> Submission:
        """The submission at its next stage, which is on disk."""
        now = replace(submission, keys=(), stage=stage, at=self._desk.clock(), **said)
        await self._add(now)
        now = replace(now, keys=submission.keys)
        if now.is_open:
            self.open[now.id] = now
        else:
            self.open.pop(now.id, None)
        return now

    async def _add(self, submission: Submission) -> None:
        store = self._desk.store
        await in_thread(lambda: store.add([submission]))


def key_of(key: tuple[str, int, str]) -> AnswerKey:
    """A submission's key as that of an answer.

    >>> key_of(("k", 0, ""))
    AnswerKey(input_hash='k', repeat=0, perturbation='')
    """
    return AnswerKey(*key)


def in_flight(store: Store, version: str, keys: Collection[AnswerKey]) -> int:
    """How many of these questions may be in a batch that is not collected yet."""
    asked = {key_of(key) for submission in _touching(store, version, keys) for key in submission.keys}
    return len(asked.intersection(keys))


def note_collected(store: Store, version: str, now: float) -> None:
    """Notes as collected what an earlier run stored whole, and died before it had noted that."""
    for submission in store.submissions(version):
        keys = frozenset(map(key_of, submission.keys))
        if submission.stage != "accepted" or len(store.answers(version, keys)) < len(keys):
            continue
        if len(_stored_since(store, submission)) == len(keys):
            store.add([replace(submission, keys=(), stage="collected", at=now)])


def check_none_in_flight(name: str, n: int) -> None:
    """Nothing for 0; else a UsageError: what is on its way must not be asked, and paid, a second time."""
    if n:
        raise UsageError(
            f"{n:,} questions to {name!r} are on their way in a batch, and would be paid twice.",
            "Run with --batch, which collects them.",
        )


def _stored_since(store: Store, submission: Submission) -> dict[AnswerKey, Answer]:
    """The answers to the questions of a batch that were stored since it was accepted: only it can have brought them."""
    keys = frozenset(map(key_of, submission.keys))
    paid = store.paid(submission.version)
    return {each.key: each.answer for each in paid if each.at >= submission.at and each.key in keys}


def _touching(store: Store, version: str, keys: Collection[AnswerKey]) -> list[Submission]:
    """The submissions of a version that may be in flight and hold one of these questions."""
    wanted = set(keys)
    known = (submission for submission in store.submissions(version) if submission.is_open)
    return [each for each in known if not wanted.isdisjoint(map(key_of, each.keys))]

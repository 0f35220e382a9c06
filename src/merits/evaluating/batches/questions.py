"""The questions of one candidate that are not answered yet: each as a request in a batch, each result as an answer.

Knows nothing about which of them are in a batch already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from merits.candidates.batching import Batches, Result, custom_id
from merits.candidates.meter import AskFailed, PurseEmpty, failure_of
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import AnswerKey
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.evaluating.batches.desk import Desk, Who

__all__ = ["Questions"]

_MOST_ROUNDS = 3  # so often a question may expire before it counts as failed


class Questions:
    """The questions that are `left`, by key: each as its number in the run, and its input.

    `n_asked` counts those of which this run learned what became of them.
    """

    def __init__(self, who: Who, batches: Batches, questions: Mapping[AnswerKey, tuple[int, JSON]], desk: Desk) -> None:
        self._who, self._batches, self._desk = who, batches, desk
        self.left = dict(questions)
        self.n_asked = 0
        self._expired: Counter[AnswerKey] = Counter()

    def sized(self, keys: Iterable[AnswerKey], id: str) -> Iterator[tuple[AnswerKey, int]]:
        """The questions that can be put into a batch, and how long each is there; the others fail."""
        for key in keys:
            request = self.request(key, id, len(self.left))
            if isinstance(request, Failure):
                self.take(key, Answer(failure=request))
            elif len(request) > self._batches.limits.n_bytes:
                self.take(key, Answer(failure=Failure("bad_request", "the question is too long for a batch")))
            else:
                yield key, len(request)

    def request(self, key: AnswerKey, submission: str, number: int) -> bytes | Failure:
        """A question as a request of a submission."""
        try:
            return self._batches.request(custom_id(submission, number), self._who.model.body(self.left[key][1]))
        except UsageError:
            raise
        except Exception as problem:  # noqa: BLE001 (what a model raises is a failed answer)
            return failure_of(problem)

    def paid(self, keys: Collection[AnswerKey], free: Callable[[], Collection[AnswerKey]]) -> list[AnswerKey]:
        """Those that the purse pays for; once it is empty, what is `free` besides stays unasked."""
        purse = self._desk.purse
        if purse is None:
            return list(keys)
        paid: dict[AnswerKey, None] = {}
        try:
            for key in keys:
                purse.take()
                paid[key] = None
        except PurseEmpty:
            for key in free():
                if key not in paid:
                    del self.left[key]
        return list(paid)

    def answer(self, result: Result) -> Answer:
        """What a result says, as an answer that was billed as a batch."""
        usage = Usage(service_tier="batch")
        if result.refused:
            said = Usage(unmetered=1, service_tier="batch")
            return Answer(result.refused, usage=said, refused=True, finish_reason="content_filter")
        if result.failure is not None:
            return Answer(failure=failure_of(AskFailed(result.failure)), usage=usage)
        try:
            answer = self._who.model.answer_of(result.reply)
            msgspec.json.encode(answer)
        except UsageError:
            raise
        except Exception as problem:  # noqa: BLE001 (a reply that cannot be read is a failed answer)
            used = problem.usage if isinstance(problem, AskFailed) else usage
            return Answer(failure=failure_of(problem), usage=replace(used, service_tier="batch"))
        return replace(answer, latency_s=0.0, usage=replace(answer.usage, service_tier="batch"))

    def take(self, key: AnswerKey, answer: Answer) -> bool:
        """Whether there is room for more, after this answer."""
        question, _ = self.left.pop(key)
        self.n_asked += 1
        if self._desk.purse is not None and answer.usage.service_tier:
            self._desk.purse.debit(answer.usage)
        return self._desk.taker.put(self._who.index, question, answer)

    def leave(self, key: AnswerKey) -> None:
        """Leaves a question as the store has it: what became of it is written there already."""
        del self.left[key]
        self.n_asked += 1

    def unanswered(self, keys: Collection[AnswerKey], became: Callable[[AnswerKey], str]) -> tuple[int, int]:
        """How many questions expired, and are asked again, and how many were cancelled, and are not in this run."""
        n_expired = n_cancelled = 0
        for key in keys:
            if became(key) == "cancelled":
                del self.left[key]
                n_cancelled += 1
                continue
            n_expired += 1
            self._expired[key] += 1
            if self._expired[key] >= _MOST_ROUNDS:
                self.take(key, Answer(failure=Failure("timeout", f"expired in {_MOST_ROUNDS} batches")))
        return n_expired, n_cancelled

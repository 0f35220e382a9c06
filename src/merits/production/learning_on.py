"""Learning from production as its labels come, beside what serves: exactly once each, and never changing what serves.

    learner = LearningOn(load_task("tickets.yaml"), "tree", live)
    print(learner.catch_up().text)

Requests and labels are gone through in the order of time: each request is asked when it came, of what had learned the
labels that were there by then, and scored when its own label comes. So the comparison with what was served is honest,
however late labels are. What has learned and where it is stand in one checkpoint. When it is certainly better, `merits
retrain` makes a release of it: the lessons in the order of their requests, proved as any candidate is, and a challenger
that must win to serve.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Learning, LiveStore, Numbered
from merits.core.errors import CandidateError, UsageError
from merits.core.estimate import Estimate
from merits.core.identity import JSON, content_hash
from merits.core.live import Checkpoint, Feedback, Served, Source
from merits.core.task import Example, Task
from merits.core.validate import did_you_mean
from merits.opening import finished
from merits.production.asked_ahead import Asked, AskedAhead

__all__ = ["LearnedOn", "LearningOn"]

_AT_ONCE = 1_000  # labels that are read, and learned between two checkpoints
_PATIENCE_S = 86_400.0  # a label may come before its request is shipped to the store
_MOST_WAITING = 10_000


@dataclass(frozen=True)
class LearnedOn:
    """What came of catching up.

    `gain` is over what was served to the same requests, had it served in its stead from when it began, each label
    learned when it came (None before the first); `better` where that is certain. `n_waiting` labels are of requests
    that nobody knows yet.
    """

    n_learned: int
    n_learned_ever: int
    n_waiting: int
    skipped: Mapping[str, int]
    gain: Estimate | None
    better: bool
    text: str


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: `scored` counts requests by who solved them (both, it only, the served only, neither).

    `asked` are answers that wait for a label, of the requests up to number `served`; labels up to the time
    `learned_upto` were learned (None in a state of a former version).
    """

    model: bytes
    n_learned: int = 0
    scored: tuple[int, int, int, int] = (0, 0, 0, 0)
    waiting: tuple[tuple[int, Feedback], ...] = ()
    asked: tuple[Asked, ...] = ()
    halvings: int = 0
    served: int = 0
    learned_upto: float | None = None


class _Lesson(NamedTuple):
    """A labelled request. `at` is when its label is learned, `said_at` when it came: perhaps before the request did."""

    at: float
    number: int
    said_at: float
    served: Served
    example: Example


class LearningOn:
    """One candidate that learns from the live outcomes of a task. Not to be shared between threads or processes.

    It begins with what it learns from dev, or where the last checkpoint is. `sources` are whose word teaches: labels,
    and corrections by users only where that is said, for anybody may send those. Of several labels of one request the
    first teaches: what was learned cannot be taken back. Inputs of the task's test are not learned. Raises UsageError
    for a name that nobody has, CandidateError for one that cannot go on learning.
    """

    def __init__(self, task: Task, candidate: str, live: LiveStore, *, sources: Sequence[Source] = ("label",)) -> None:
        from merits.candidates.registry import load_any
        from merits.evaluating.contenders import load_context
        from merits.evaluating.scoring import Judge
        from merits.evaluating.work import scorers_of

        self._task, self._live, self._sources = task, live, frozenset(sources)
        self._recipe = _named(task, candidate)
        model = load_any(self._recipe, load_context(task, None))
        if not isinstance(model, Learning):
            raise CandidateError(
                f"{candidate!r} ({self._recipe.kind}) cannot go on learning while it answers.",
                "Name one of the kind online, or a recommender.",
            )
        self._model = model
        self._judge = Judge(scorers_of(task))
        self._held = task.withheld.union(example.input_hash for example in task.split("test"))
        dev = [[example.input_hash, example.target] for example in task.split("dev")]
        identity = content_hash([self._recipe.id, model.fingerprint, dev, sorted(self._sources)])
        self._name = f"learning {self._recipe.name} {identity[:12]}"  # another recipe or dev begins anew
        self._seen: set[str] = set()
        self._cursor, self._state = 0, _State(model=b"")
        self._ahead, self._served, self._learned_upto = AskedAhead(), 0, -float("inf")
        self._begin()

    @property
    def model(self) -> Learning:
        """What has learned so far. It is of this object: who serves needs one of its own (`state`, `restore_state`)."""
        return self._model

    def catch_up(self, *, most: int | None = None) -> LearnedOn:
        """Learns from all labels that came since the last time, `most` of them at the most, and keeps where it is."""
        n, skipped = 0, dict[str, int]()
        while most is None or n < most:
            room = _AT_ONCE if most is None else min(_AT_ONCE, most - n)
            read = self._live.feedback(self._task.name, after=self._cursor, most=room)
            again = [Numbered(number, said) for number, said in self._state.waiting]
            upto = max(said.at for _, said in read) if len(read) == room else float("inf")
            learned = self._learn([*again, *read], skipped, upto=upto)
            n += learned
            if read:
                self._cursor = read[-1].number
            if read or learned or self._served - self._state.served >= _AT_ONCE:
                self._keep()
            if len(read) < room:
                break
        return self._said(n, skipped)

    def _begin(self) -> None:
        kept = self._live.checkpoint(self._task.name, self._name)
        if kept is None:
            dev = self._task.split("dev")
            if any(example.target is not None for example in dev):
                self._model.fit(dev)
            return
        self._state = msgspec.msgpack.decode(kept.state, type=_State)
        self._model.restore_state(self._state.model)
        self._cursor, self._served = kept.cursor, self._state.served
        self._ahead = AskedAhead(self._state.asked, self._state.halvings)
        self._learned_upto = kept.at if self._state.learned_upto is None else self._state.learned_upto
        self._remember()

    def _remember(self) -> None:
        """Which requests taught before: the labels up to the cursor, but those that still wait."""
        waiting, after = {said.request for _, said in self._state.waiting}, 0
        while read := self._live.feedback(self._task.name, after=after, most=10 * _AT_ONCE):
            for number, said in read:
                if number <= self._cursor and self._teaches(said) and said.request not in waiting:
                    self._seen.add(said.request)
            after = read[-1].number
            if after >= self._cursor:
                return

    def _teaches(self, said: Feedback) -> bool:
        return said.target is not None and said.source in self._sources

    def _learn(self, labels: Iterable[Numbered[Feedback]], skipped: dict[str, int], *, upto: float) -> int:
        """Goes through the requests that came up to then, and learns from the labels that teach; how many did.

        Labels of unknown requests wait.
        """
        told = [each for each in labels if self._teaches(each.record)]
        served = self._live.find({each.record.request for each in told})
        waiting, lessons, now = list[tuple[int, Feedback]](), list[_Lesson](), time.time()
        for number, said in told:
            if said.request in self._seen:
                _count(skipped, "labelled before")
                continue
            of_it = [one for one in served.get(said.request, ()) if one.arm != "shadow"]
            if not of_it:
                self._wait(number, said, waiting, skipped)
                continue
            self._seen.add(said.request)
            if of_it[0].input is None:
                _count(skipped, "without content")
                continue
            example = Example(said.request, of_it[0].input, said.target, split="live")
            if example.input_hash in self._held:
                _count(skipped, "in the task's test")
                continue
            said_at = min(said.at, now)  # one from a clock that is ahead would be later than all that comes
            lessons.append(_Lesson(max(said_at, of_it[0].at), number, said_at, of_it[0], example))
        n = finished(lambda: self._through(lessons, skipped, upto=upto))
        self._state = replace(self._state, n_learned=self._state.n_learned + n, waiting=tuple(waiting[-_MOST_WAITING:]))
        return n

    def _wait(self, number: int, said: Feedback, waiting: list[tuple[int, Feedback]], skipped: dict[str, int]) -> None:
        if said.at > time.time() - _PATIENCE_S:
            waiting.append((number, said))
        else:
            _count(skipped, "of no request that is known")

    async def _through(self, lessons: Iterable[_Lesson], skipped: dict[str, int], *, upto: float) -> int:
        """Asks and learns in the order of time; how many were learned."""
        queue, n = deque(sorted(lessons, key=lambda one: one[:2])), 0
        for served in self._coming(upto):
            while queue and queue[0].at < served.at:
                n += await self._taught(queue.popleft(), skipped)
            await self._ask(served)
        while queue:
            n += await self._taught(queue.popleft(), skipped)
        return n

    def _coming(self, upto: float) -> Iterator[Served]:
        """The requests that were not gone through yet, as far as the first that came later; some are out of order."""
        while records := self._live.served(self._task.name, after=self._served, most=_AT_ONCE):
            end = next((k for k, each in enumerate(records) if each.record.at > upto), len(records))
            yield from sorted((each.record for each in records[:end]), key=lambda one: one.at)
            if end:
                self._served = records[end - 1].number
            if end < _AT_ONCE:
                return

    async def _ask(self, served: Served) -> None:
        """Remembers what it answers, unless it has learned what nobody knew when the request came."""
        if served.arm == "shadow" or served.input is None or served.at < self._learned_upto:
            return
        if self._ahead.waits_for(served.request):
            self._ahead.put(served.request, served.at, await self._answer(served.input))

    async def _answer(self, input: JSON) -> Answer:
        try:
            answer = await self._model.answer(input)
        except Exception as problem:  # noqa: BLE001  a place that asks a model: one that fails has not solved it
            return Answer(failure=Failure("raised", str(problem)))
        return Answer(answer.output, answer.probabilities, answer.confidence, failure=answer.failure)

    async def _taught(self, lesson: _Lesson, skipped: dict[str, int]) -> bool:
        """Scores what was answered when the request came, beside what was served, and learns; whether it did."""
        answer, example = self._ahead.take(lesson.served.request), lesson.example
        try:
            self._model.learn_one(example.input, example.target)
        except CandidateError:
            _count(skipped, "that cannot be learned")
            return False
        self._learned_upto = max(self._learned_upto, lesson.said_at)
        if answer is not None:
            mine, theirs = self._is_solved(example, answer), self._is_solved(example, lesson.served.answer)
            scored = list(self._state.scored)
            scored[2 * (not mine) + (not theirs)] += 1
            self._state = replace(self._state, scored=tuple(scored))
        return True

    def _is_solved(self, example: Example, answer: Answer) -> bool:
        score = None if answer.failure is not None else self._judge.score(example, answer)
        return score is not None and score.solved

    def _keep(self) -> None:
        """One record: what was learned and where it is cannot come apart."""
        self._state = replace(
            self._state,
            model=self._model.state(),
            asked=self._ahead.kept,
            halvings=self._ahead.halvings,
            served=self._served,
            learned_upto=self._learned_upto,
        )
        body = msgspec.msgpack.encode(self._state)
        self._live.add(
            [Checkpoint(task=self._task.name, name=self._name, at=time.time(), state=body, cursor=self._cursor)]
        )

    def _said(self, n: int, skipped: Mapping[str, int]) -> LearnedOn:
        from merits.stats.prequential import gain_of_counts

        _, mine, theirs, _ = self._state.scored
        total = sum(self._state.scored)
        gain = gain_of_counts(mine, theirs, total, self._task.needs.confidence) if total else None
        better = gain is not None and gain.low is not None and gain.low > 0.0
        text = f"{self._recipe.name} learned {n:,} labelled requests ({self._state.n_learned:,} in all)"
        if gain is not None:
            text += f"; asked as requests came, over what was served to {total:,} of them: {gain.text()}"
        if better:
            text += f". It is better: merits retrain --candidate {self._recipe.name!r} makes a challenger of it"
        return LearnedOn(n, self._state.n_learned, len(self._state.waiting), dict(skipped), gain, better, text + ".")


def _named(task: Task, name: str) -> Candidate:
    for one in task.candidates:
        if one.name == name:
            return one
    raise UsageError(f"no candidate is named {name!r}.", did_you_mean(name, [one.name for one in task.candidates]))


def _count(skipped: dict[str, int], why: str) -> None:
    skipped[why] = skipped.get(why, 0) + 1

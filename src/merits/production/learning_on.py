"""Learning from production as its labels come, beside what serves: exactly once each, and never changing what serves.

    learner = LearningOn(load_task("tickets.yaml"), "tree", live)
    print(learner.catch_up().text)

Each labelled request is first asked, then learned, so that there is an honest comparison with what was served to it.
What has learned and where it is stand in one checkpoint. When it is certainly better, `merits retrain` makes a release
of it: the lessons in the order of their requests, proved as any candidate is, and a challenger that must win to serve.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Learning, LiveStore, Numbered
from merits.core.errors import CandidateError, UsageError
from merits.core.estimate import Estimate
from merits.core.identity import content_hash
from merits.core.live import Checkpoint, Feedback, Served, Source
from merits.core.task import Example, Task
from merits.core.validate import did_you_mean
from merits.opening import finished

__all__ = ["LearnedOn", "LearningOn"]

_AT_ONCE = 1_000  # labels that are read, and learned between two checkpoints
_PATIENCE_S = 86_400.0  # a label may come before its request is shipped to the store
_MOST_WAITING = 10_000


@dataclass(frozen=True)
class LearnedOn:
    """What came of catching up. `gain` is over what was served to the same requests, at any time (None before the
    first); `better` where that is certain. `n_waiting` labels are of requests that nobody knows yet."""

    n_learned: int
    n_learned_ever: int
    n_waiting: int
    skipped: Mapping[str, int]
    gain: Estimate | None
    better: bool
    text: str


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: `both` counts requests by who solved them (both, it only, the served only, neither)."""

    model: bytes
    n_learned: int = 0
    both: tuple[int, int, int, int] = (0, 0, 0, 0)
    waiting: tuple[tuple[int, Feedback], ...] = ()


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
            learned = self._learn([*again, *read], skipped)
            n += learned
            if read:
                self._cursor = read[-1].number
            if read or learned:
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
        self._cursor = kept.cursor
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

    def _learn(self, labels: Iterable[Numbered[Feedback]], skipped: dict[str, int]) -> int:
        """Learns from the labels that teach; how many did. Those of unknown requests wait."""
        told = [each for each in labels if self._teaches(each.record)]
        served = self._live.find({each.record.request for each in told})
        waiting, lessons = list[tuple[int, Feedback]](), list[tuple[Served, Example]]()
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
            lessons.append((of_it[0], example))
        both = self._taught(lessons, skipped)
        n = sum(both)
        total = tuple(one + other for one, other in zip(self._state.both, both, strict=True))
        self._state = replace(
            self._state, n_learned=self._state.n_learned + n, both=total, waiting=tuple(waiting[-_MOST_WAITING:])
        )
        return n

    def _wait(self, number: int, said: Feedback, waiting: list[tuple[int, Feedback]], skipped: dict[str, int]) -> None:
        if said.at > time.time() - _PATIENCE_S:
            waiting.append((number, said))
        else:
            _count(skipped, "of no request that is known")

    def _taught(self, lessons: Sequence[tuple[Served, Example]], skipped: dict[str, int]) -> list[int]:
        """Asks about each, then learns it; by who solved it, what was served and what learns."""

        async def go() -> list[int]:
            both = [0, 0, 0, 0]
            for served, example in lessons:
                mine = await self._solved(example)
                theirs = self._is_solved(example, served.answer)
                try:
                    self._model.learn_one(example.input, example.target)
                except CandidateError:
                    _count(skipped, "that cannot be learned")
                    continue
                both[2 * (not mine) + (not theirs)] += 1
            return both

        return finished(go) if lessons else [0, 0, 0, 0]

    async def _solved(self, example: Example) -> bool:
        try:
            answer = await self._model.answer(example.input)
        except Exception:  # noqa: BLE001  a place that asks a model: one that fails has not solved it
            return False
        return self._is_solved(example, answer)

    def _is_solved(self, example: Example, answer: Answer) -> bool:
        score = None if answer.failure is not None else self._judge.score(example, answer)
        return score is not None and score.solved

    def _keep(self) -> None:
        """One record: what was learned and where it is cannot come apart."""
        self._state = replace(self._state, model=self._model.state())
        body = msgspec.msgpack.encode(self._state)
        self._live.add(
            [Checkpoint(task=self._task.name, name=self._name, at=time.time(), state=body, cursor=self._cursor)]
        )

    def _said(self, n: int, skipped: Mapping[str, int]) -> LearnedOn:
        from merits.stats.prequential import gain_of_counts

        _, mine, theirs, _ = self._state.both
        total = sum(self._state.both)
        gain = gain_of_counts(mine, theirs, total, self._task.needs.confidence) if total else None
        better = gain is not None and gain.low is not None and gain.low > 0.0
        text = f"{self._recipe.name} learned {n:,} labelled requests ({self._state.n_learned:,} in all)"
        if gain is not None:
            text += f"; over what was served to them: {gain.text()}"
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

"""Evaluates what improvers propose, on dev, and never on anything else: there is no test example in the task it holds.

A candidate that cannot be evaluated is a failed trial, never a failed search.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable, Generator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Store, Trials
from merits.core.errors import ProviderError, UsageError
from merits.core.evaluation import Evaluation, Raced
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.on_demand import outlines
from merits.core.outcome import Status
from merits.core.racing import UNLIMITED, Allowance, Budget, Racing, Round, Schedule
from merits.core.robustness import Robustness
from merits.core.selection import joined, selected
from merits.core.task import Example, ScorerSpec, Task
from merits.deciding.decide import decide
from merits.evaluating import Plan, Progress, evaluate
from merits.evaluating.contenders import learns, load_context
from merits.evaluating.facts import GIVEN_UP
from merits.evaluating.folds import assign_folds
from merits.opening import finished, prices_of, schedule_of
from merits.tasks.recipes import completed

__all__ = ["OutOfTime", "Trying", "for_dev"]


class OutOfTime(Exception):
    """A trial was ended where the time of the search ended; what was answered is stored."""


def for_dev(task: Task) -> Task:
    """The task without a single example of its test split, and without perturbations.

    Only hashes of the test inputs are left: what brings further examples to learn from leaves these out by them.

    Requirements under a perturbation, or against another candidate, are left for test: a trial is evaluated alone.

    >>> from merits.core.task import Example, ScorerSpec
    >>> both = (Example("1", "a", "x", split="dev"), Example("2", "b", "y", split="test"))
    >>> of = Task(name="t", kind="generation", examples=both, scorers=(ScorerSpec("exact"),))
    >>> [example.id for example in for_dev(of).examples]
    ['1']
    """
    left = tuple(r for r in task.needs.requirements if not r.under and not r.against)
    needs = msgspec.structs.replace(task.needs, requirements=left, incumbent="")
    return msgspec.structs.replace(
        task,
        examples=task.split("dev"),
        withheld=frozenset(example.input_hash for example in outlines(task.split("test"))),
        robustness=Robustness(),
        human_labels="",
        needs=needs,
    )


class Trying:
    """Evaluates candidates on dev from one purse. `spent` counts what that took, in the budget's unit.

    A trial that takes longer than `seconds` says when it begins is ended: OutOfTime. What it was asked is stored, so
    that it goes on from there in another search.
    """

    def __init__(
        self, task: Task, store: Store, amount: Budget | None, seconds: Callable[[], float] = lambda: math.inf
    ) -> None:
        self.task = for_dev(task)
        self._seconds = seconds
        self._store, self._amount = store, amount
        self.spent, self._ended = 0.0, False
        self.costs: dict[str, float | None] = {}  # of all answers of a version; None where its price is unknown
        self._versions: dict[str, str] = {}
        self._rows: Evaluation | None = None

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of the amount, or too little to ask another example."""
        return self._ended or (self._amount is not None and self.spent >= self._amount.amount * (1.0 - 1e-9))

    def reserve(self, amount: float) -> None:
        """So much of the purse is not for trials; of what is left in it, a third at most."""
        if self._amount is not None:
            left = max(self._amount.amount - self.spent, 0.0)
            self._amount = Budget(self._amount.amount - min(amount, left / 3.0), self._amount.unit)

    def of(self, candidates: Sequence[Candidate], progress: Progress | None = None) -> Evaluation:
        """The evaluation of candidates that were evaluated before, however long that takes."""
        seconds, self._seconds = self._seconds, lambda: math.inf
        try:
            return self._evaluated(candidates, None, progress)
        finally:
            self._seconds = seconds

    def given(
        self,
        candidates: Sequence[Candidate],
        progress: Progress | None = None,
        ask_first: Callable[[Plan], object] = lambda plan: None,
    ) -> Evaluation:
        """The evaluation of the given candidates that are of any use in a search.

        They race first. Who cannot be the best, and is no cheaper than who may, is left out then: it would be asked all
        of dev for nothing, for whatever is made of it is worse and dearer. Of time where nothing has a price.
        `ask_first` is called with what they are to be asked before the first question, and may raise.
        """
        raced = self._evaluated(
            candidates,
            None,
            progress,
            schedule=schedule_of(self.task, Racing(mode="economy", at_once=32)),
            confirm=ask_first,
        )
        self._rows = None
        useful = [candidates[k] for k in useful_in(raced, self.task.needs)]
        return self._evaluated(useful, None, progress)

    def trials(self, trials: Trials, progress: Progress | None = None) -> Evaluation:
        """The evaluation of trials, in their order. Of one that cannot be evaluated all is missing; a fact says why.

        They are as if the task had named them: what runs here costs what the machine costs, and stays here.
        """
        trials = trials._replace(candidates=self._completed(trials.candidates))
        wrong: dict[str, str] = {}
        found: Evaluation | None = None
        try:
            found = self._evaluated(trials.candidates, trials.rows, progress)
        except (UsageError, ProviderError) as problem:
            wrong = {candidate.name: problem.found for candidate in trials.candidates}
        if found is None and len(trials.candidates) > 1:
            wrong = self._wrong_ones(trials, progress)
            fine = [candidate for candidate in trials.candidates if candidate.name not in wrong]
            found = self._evaluated(fine, trials.rows, progress) if fine else None
        assert self._rows is not None
        return arranged(found or self._rows, trials.candidates, wrong)

    def together(self, parts: Sequence[Evaluation], candidates: Sequence[Candidate]) -> Evaluation:
        """What was found of candidates part by part; of those in no part all is missing."""
        assert self._rows is not None
        return arranged(joined(parts) if parts else self._rows, self._completed(candidates), {})

    def _completed(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [completed(one, self.task.needs, self.task.machine_per_hour) for one in candidates]

    def _wrong_ones(self, trials: Trials, progress: Progress | None) -> dict[str, str]:
        """Which trials cannot be evaluated, and why: found out one by one."""
        wrong = {}
        for candidate in trials.candidates:
            try:
                self._evaluated([candidate], trials.rows, progress)
            except (UsageError, ProviderError) as problem:
                wrong[candidate.name] = problem.found
        return wrong

    def said(self, name: str) -> Sequence[Answer | None]:
        """What a candidate of an earlier evaluation answered, row by row."""
        assert self._rows is not None
        version = self._versions[name]
        keys = [
            AnswerKey(*key)
            for key in zip(
                self._rows.input_hashes.tolist(), self._rows.repeats.tolist(), self._rows.asked_as.tolist(), strict=True
            )
        ]
        stored = self._store.answers(version, set(keys))
        found = (stored.get(key) for key in keys)
        return [None if answer is None or answer.failure is not None else answer for answer in found]

    def ask(self, candidate: Candidate, question: JSON) -> Answer:
        """What a candidate answers to a question that is no example: stored, and paid from the same purse."""
        example = Example("question", question, "", split="dev")
        of_one = msgspec.structs.replace(
            self.task, kind="generation", classes=(), examples=(example,), scorers=(ScorerSpec("exact"),), needs=Needs()
        )
        try:
            found = self._paid(of_one, [candidate], None, None)
        except (UsageError, ProviderError) as problem:
            return Answer(failure=Failure("bad_request", problem.found))
        key = AnswerKey(example.input_hash)
        answer = self._store.answers(found.versions[0], {key}).get(key)
        return Answer(failure=Failure("raised", "the budget ended")) if answer is None else answer

    def folds(self, evaluation: Evaluation) -> tuple[frozenset[str], NDArray[np.integer] | None]:
        """Who of these learns from dev, and the fold of each row in the cross-validation; None where nobody does."""
        trained = frozenset(name for name, kind in zip(evaluation.names, self._learn(evaluation), strict=True) if kind)
        if not trained:
            return trained, None
        examples = self.task.split("dev")
        settings = self.task.settings
        fold = assign_folds(examples, self.task.kind, folds=settings.folds, seed=settings.seed)
        of_example = {example.id: int(number) for example, number in zip(examples, fold, strict=True)}
        return trained, np.array([of_example[name] for name in evaluation.examples.tolist()], np.int32)

    def _learn(self, evaluation: Evaluation) -> list[bool]:
        context = load_context(self.task, None, asks=False)
        return [learns(candidate, context) for candidate in evaluation.candidates]

    def _evaluated(
        self,
        candidates: Sequence[Candidate],
        rows: NDArray[np.integer] | None,
        progress: Progress | None,
        *,
        schedule: Schedule | None = None,
        confirm: Callable[[Plan], object] = lambda plan: None,
    ) -> Evaluation:
        found = self._paid(self.task, candidates, schedule if rows is None else _only(rows), progress, confirm)
        self._rows = self._rows or found
        for k, (name, version) in enumerate(zip(found.names, found.versions, strict=True)):
            self._versions[name] = version
            self.costs[version] = float(found.cost[k].sum()) if found.priced[k] else None
        return found

    def _paid(
        self,
        task: Task,
        candidates: Sequence[Candidate],
        schedule: Schedule | None,
        progress: Progress | None,
        confirm: Callable[[Plan], object] = lambda plan: None,
    ) -> Evaluation:
        """The evaluation of candidates on the dev examples of a task, from what is left of the purse."""
        left = None
        if self._amount is not None:
            left = Budget(max(self._amount.amount - self.spent, 0.0), self._amount.unit)
        seconds = self._seconds()

        async def evaluated() -> Evaluation:
            async with asyncio.timeout(None if seconds == math.inf else max(seconds, 0.0)) as limit:
                limits.append(limit)
                return await evaluate(
                    task,
                    candidates,
                    split="dev",
                    store=self._store,
                    progress=progress,
                    table=prices_of(self.task),
                    schedule=schedule,
                    budget=left,
                    paid=self._pay,
                    confirm=confirm,
                    trial=True,
                )

        limits: list[asyncio.Timeout] = []
        try:
            found = finished(evaluated)
        except TimeoutError:
            if limits and limits[0].expired():
                raise OutOfTime from None
            raise
        self._ended |= found.budget is not None and found.budget.ended
        return found

    def _pay(self, amount: float) -> None:
        self.spent += amount


def arranged(found: Evaluation, candidates: Sequence[Candidate], why: Mapping[str, str]) -> Evaluation:
    """The outcomes of these candidates, in this order; of those that `found` lacks all is missing, and a fact says why.

    >>> from merits.testing.evaluations import tiny
    >>> lost = Candidate(name="lost", kind="constant")
    >>> arranged(tiny(), [lost], {"lost": "it crashed"}).facts["given up on lost"]
    'it crashed'
    """
    places = {candidate.id: k for k, candidate in enumerate(found.candidates)}
    facts = dict(found.facts) | {f"{GIVEN_UP}{name}": reason for name, reason in why.items()}
    some = selected(found, [places.get(candidate.id) for candidate in candidates], candidates)
    return dataclasses.replace(some, facts=facts)


def useful_in(raced: Evaluation, needs: Needs) -> list[int]:
    """Who may be of use by how a race went: who is still in it, and who is cheaper than the best of these.

    >>> from merits.testing.evaluations import tiny
    >>> useful_in(tiny(), Needs())
    [0, 1]
    """
    everybody = range(len(raced.candidates))
    race = decide(raced, needs).race
    if race is None:
        return list(everybody)
    stayed = [k for k, runner in enumerate(race.runners) if not runner.dropped] or list(everybody)
    counted = np.isin(raced.status, (Status.SCORED, Status.FAILED, Status.UNSCORED))
    by = raced.cost if raced.priced.all() else raced.latency_s
    means = np.array([by[k][counted[k]].mean() if counted[k].any() else np.inf for k in everybody])
    quality = [raced.value[k][counted[k]].mean() if counted[k].any() else -np.inf for k in stayed]
    best = stayed[int(np.argmax(quality))]
    return [k for k in everybody if k in stayed or means[k] < means[best]]


def _only(rows: NDArray[np.integer]) -> Schedule:
    """A schedule of one round of these rows."""

    def schedule(known: Evaluation, allowance: Allowance = UNLIMITED) -> Generator[Round, Evaluation, Raced | None]:
        yield Round(tuple(range(len(known.candidates))), rows)
        return None

    return schedule

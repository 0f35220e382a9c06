"""The evaluation from beginning to end: load, look into the store, ask what is missing, score, seal."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from merits.candidates.batcher import in_thread
from merits.candidates.batching import Batchable
from merits.candidates.memory import weights_of
from merits.candidates.meter import Meter, PurseEmpty, failure_of
from merits.candidates.own_server import Machine, OnMachine
from merits.candidates.registry import LoadContext, load_any
from merits.candidates.studying import Studious
from merits.core.answer import Answer, Failure
from merits.core.batching import Batching
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey, Composite, Model, Refreshed, Scorer, Store
from merits.core.errors import ProviderError, TaskError, UsageError
from merits.core.evaluation import Composed, Evaluation, Raced, Taught
from merits.core.identity import JSON
from merits.core.judge import Judged
from merits.core.kinds import is_labelled
from merits.core.outcome import Status
from merits.core.racing import Budget, Round, Schedule
from merits.core.robustness import Level
from merits.core.secrets import redact
from merits.core.task import Example, Split, Task
from merits.evaluating.asker import Asker
from merits.evaluating.asking import (
    AT_ONCE,
    DOWN,
    Health,
    Later,
    Taker,
    Unmade,
    all_or_first_problem,
    ask_all,
    at_once,
    meter_of,
)
from merits.evaluating.batches import (
    BatchRun,
    Desk,
    Who,
    check_affordable,
    check_none_in_flight,
    in_flight,
    note_collected,
    still_open,
)
from merits.evaluating.columns import Columns
from merits.evaluating.composed import apart, priced_composites
from merits.evaluating.composing import Assembly, Exchange, Hearing
from merits.evaluating.contenders import Contender, Lesson, contenders, learn, load_context, pupil_in
from merits.evaluating.facts import facts_of_run, kept_facts
from merits.evaluating.foreseen import Foreseen, foreseen
from merits.evaluating.in_rounds import in_rounds
from merits.evaluating.judge_costs import price_in
from merits.evaluating.judging import judging_of
from merits.evaluating.known import Asking, begin_refresh, check_all_stored, ends_of_refresh, goes_on, known_of
from merits.evaluating.lectures import Lectures, lessons_foreseen
from merits.evaluating.perturbing import Perturbing, paraphrases_foreseen, perturbed_folder, perturbing_of
from merits.evaluating.planned import expected_of, planned
from merits.evaluating.planning import Plan
from merits.evaluating.pricing import price_answers, price_facts, priced_in_time, prices_of_contenders
from merits.evaluating.progress import Noting, Progress, Silent
from merits.evaluating.purse import Left, Purse, Verdicts, check_budget
from merits.evaluating.recorder import Recorder
from merits.evaluating.room import Room
from merits.evaluating.rows import Rows
from merits.evaluating.scoring import Judge
from merits.evaluating.tally import Tally
from merits.evaluating.teaching import Teaching, tutor_of
from merits.evaluating.tracks import Tracks
from merits.evaluating.work import Work, scorers_of, works_of
from merits.prices.own_server import machine_of

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["evaluate", "plan"]

_NEXT_STEP = {
    "unauthorised": "Check the API key.",
    "connection": "Check the address (is it http or https, and the right port?) and the network.",
    "rate_limited": "Wait, or ask the provider for a higher limit.",
    "timeout": "Check the address (http or https?); where the model is only slow, raise `settings: timeout_s`.",
    "server_error": "Try again later; where the reply is no JSON, check `base_url`: it mostly ends in /v1.",
    "bad_request": "Mend what it names, in the data or in the recipe; `merits models` lists what an endpoint offers.",
    "out_of_memory": "Use a smaller model or a larger machine.",
    "raised": "Try the candidate on one example by itself.",
}


def plan(
    task: Task,
    candidates: Sequence[Candidate],
    *,
    split: Split = "test",
    store: Store,
    env: Mapping[str, str] | None = None,
    ask: Asking = "missing",
    table: PriceSource | None = None,
    budget: Budget | None = None,
    judges: bool = True,
    batching: Batching | None = None,
) -> Plan:
    """What an evaluation would ask of each candidate, and what it would take from the store. Asks nothing.

    Models are loaded, for what they are is part of the version under which answers are stored; none is trained.
    Without `judges` their work is not looked at. With `batching` the forecast is at what batches cost. Raises
    UsageError for a `budget` that could not be kept.
    """
    context = load_context(task, env, asks=ask != "nothing")
    rows, perturbing = _rows(task, split, store, context, time.time)
    ready = contenders(task, candidates, rows, split, context=context, exchange=_no_exchange)
    names = [candidate.name for candidate in candidates]
    works: list[Work] = []
    try:
        if judges:
            works = works_of(scorers_of(task), task, names, context=context, store=store, clock=time.time)
        known = known_of(store, ready, rows, ask, len(candidates))
        prices = prices_of_contenders(ready, table, currency=task.needs.currency)
        price_of, visible = price_in(table, task.needs.currency), known[: len(candidates)]
        theirs = () if ask == "nothing" else foreseen(works, visible, task.needs, price_of)
        others = () if ask == "nothing" else paraphrases_foreseen(perturbing, visible, task.needs, price_of)
        taught = lessons_foreseen(task, ready, known, store=store, context=context, price_of=price_of)
        helpers = [*((one.part, one.story) for one in theirs), *others, *taught]
        made = planned(task, store, known, prices, budget, helpers=helpers, in_batches=batching is not None)
        flying = [
            in_flight(store, each.version, [rows.keys[q] for q in each.to_ask])
            if store.submissions(each.version)
            else 0
            for each in known
        ]
        parts = tuple(dataclasses.replace(p, n_in_flight=n) for p, n in zip(made.parts, flying, strict=True))
        notes = tuple(filter(None, map(table.note, candidates))) if table is not None else ()
        return dataclasses.replace(made, parts=parts, notes=notes)
    finally:
        askers = {id(work.asker): work.asker for work in works}
        if perturbing is not None and perturbing.paraphraser is not None:
            askers[id(perturbing)] = perturbing.paraphraser.asker
        models = [*(each.model for each in ready), *(asker.model for asker in askers.values())]
        _finish(_close_all(models, lambda text: None))


async def evaluate(
    task: Task,
    candidates: Sequence[Candidate],
    *,
    split: Split = "test",
    store: Store,
    progress: Progress | None = None,
    table: PriceSource | None = None,
    env: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    schedule: Schedule | None = None,
    ask: Asking = "missing",
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
    batching: Batching | None = None,
    paid: Callable[[float], object] = lambda spent: None,
    spends: Callable[[float], object] = lambda spent: None,
    trial: bool = False,
) -> Evaluation:
    """The evaluation of the candidates on one split, also sealed into the store.

    Only questions without a successful answer in the store are asked, so running again costs nothing, and a changed
    scorer scores again without asking. Candidates go side by side. A trainable one learns from `dev` only; evaluated
    on `dev` it answers each example after learning from the others (cross-validation), and when nothing is missing it
    does not learn at all. One that a fact rules out (its licence) is asked nothing. One that evidently cannot be asked
    is given up, and its rows stay missing.

    With a `schedule` (a race) only what it asks for is asked, round by round; where every answer is stored already
    there is nothing to schedule.

    With `batching` the questions are put to providers as batches where they offer that; other candidates are asked as
    usual. Raises BatchesOpen, before anything is sealed, when it is not to wait for them. Without it, a question that
    is in a batch already is not asked: that is a UsageError.

    `ask` says what is asked: what is "missing" (what failed before too), "nothing" (UsageError, before anything else,
    when something is missing), "everything" again (what was answered before counts no more, and stays on the bill; one
    that was interrupted goes on), or only what "failed" or was refused before.

    With a `budget` everybody is asked the same examples in a random order that the seed fixes, every attempt is
    debited, and when it ends what is there is the evaluation. `paid` is told what was spent of it, however the run
    ends, and `spends` what it is by then with every answer. `confirm` is called with the plan before the first question
    is asked, and may raise.

    Of `trial` candidates of a search, answers to dev examples may be made of vectors that were computed before, and
    count with the seconds that took; those to test examples never are.

    When it is cancelled (Ctrl-C), what was answered is stored first. `env` replaces the environment's variables.

    Raises ProviderError when no candidate could be asked, UsageError for what the user must change, and StoreError
    when answers cannot be stored; nothing that was stored is lost.
    """
    run = _Run(
        task,
        candidates,
        split=split,
        store=store,
        progress=progress or Silent(),
        env=env,
        clock=clock,
        ask=ask,
        trial=trial,
    )
    run.batching, run.spends = batching, spends
    try:
        return await run.evaluation(table, schedule, budget, confirm)
    finally:
        paid(run.spent)


def _later(loop: asyncio.AbstractEventLoop, note: Callable[[str], None], text: str) -> None:
    loop.call_soon_threadsafe(note, text)


class _Run:
    """One evaluation while it runs."""

    def __init__(
        self,
        task: Task,
        candidates: Sequence[Candidate],
        *,
        split: Split,
        store: Store,
        progress: Progress,
        env: Mapping[str, str] | None,
        clock: Callable[[], float],
        ask: Asking,
        trial: bool = False,
    ) -> None:
        self.task, self.split, self.store, self.progress, self.clock = task, split, store, progress, clock
        self.ask = ask
        loop = asyncio.get_running_loop()  # models note from their own threads
        self.context: LoadContext = load_context(
            task,
            env,
            asks=ask != "nothing",
            trial=trial and split == "dev",
            note=lambda text: _later(loop, progress.note, text),
        )
        self.started = clock()
        self.rows, self.perturbing = _rows(task, split, store, self.context, clock)
        self.paraphraser = None if self.perturbing is None else self.perturbing.paraphraser
        self.contenders = contenders(
            task, candidates, self.rows, split, context=self.context, exchange=lambda: self.exchange
        )
        self.n = len(candidates)  # those past it are parts of them, and no candidates themselves
        self.judge, self.columns, scorers = _columns(task, len(self.contenders), self.rows, n_scored=self.n)
        for each in self.contenders:
            if each.parts:
                self.columns.compose(each.index, len(each.parts))
        names = [candidate.name for candidate in candidates]
        self.works = works_of(scorers, task, names, context=self.context, store=store, clock=clock)
        self.judging = judging_of(self.works, self.columns, task.settings.concurrency, progress.note)
        self.foreseen: tuple[Foreseen, ...] = ()
        self.judged: tuple[Judged, ...] = ()
        self.tally = Tally.of(len(self.contenders))
        self.teaching = Teaching(store, clock, may_ask=ask != "nothing")
        self.health = [Health(timed=bool(getattr(each.model, "timed", False))) for each in self.contenders]
        self.exchange = Exchange(self._ask_part, self.health)
        self.exchange.watch(part for each in self.contenders for part in each.parts)
        self.table: PriceSource | None = None
        self.lectures = Lectures(
            task, self.contenders, self.health, store, self._nested, lambda: self.purse, progress.note
        )
        self.seals = True
        self.machines: dict[str, Machine] = {}  # by address: candidates on one server share it
        self.purse: Purse | None = None
        self.scheduled: NDArray[np.bool_] | None = None
        self.batching: Batching | None = None
        self.spends: Callable[[float], object] = lambda spent: None
        self.recorder: Recorder | None = None
        self.batches: dict[str, BatchRun] = {}  # those of this run that something is still open of, by candidate
        expected = filter(None, (weights_of(each.model) for each in self.contenders))
        self.room = Room(
            expected, at_least=self._bytes_at_once(), timeout_s=task.settings.timeout_s, note=progress.note
        )
        self.kept: dict[tuple[int, int], Model] = {}  # by candidate and lesson, while there are further rounds
        self.part_models: dict[tuple[int, int], asyncio.Future[Model | None]] = {}  # those that composites ask

    @property
    def spent(self) -> float:
        """What was spent so far, in the budget's unit; 0 where there is none."""
        return 0.0 if self.purse is None else self.purse.spent

    async def evaluation(
        self,
        table: PriceSource | None,
        schedule: Schedule | None,
        budget: Budget | None,
        confirm: Callable[[Plan], object],
    ) -> Evaluation:
        recipes = [each.candidate for each in self.contenders]
        raced = None
        try:
            # Before anything is asked: a mistake in the file must not cost money.
            prices = prices_of_contenders(self.contenders, table, currency=self.task.needs.currency)
            self.table = table
            judge_price = price_in(table, self.task.needs.currency)
            plan, missing = self._look_into_store(prices, budget, judge_price)
            self._prepare_judges(plan, prices, budget, judge_price)
            for note in filter(None, map(table.note, recipes) if table else ()):
                self.progress.note(note)
            if self.ask == "nothing" and schedule is None:
                check_all_stored(self.contenders[: self.n], missing)
            if self.ask != "nothing" and plan.n_to_ask:
                confirm(plan)
            if not any(missing):
                self.progress.started(plan)
            else:
                raced = await self._ask(plan, missing, schedule, prices, budget)
            await self._all_judged(judge_price)
        finally:
            if self.judging is not None:
                await self.judging.close()
            if self.paraphraser is not None:
                await self.paraphraser.asker.close()
            asked = [one.result() for one in self.part_models.values() if one.done() and not one.exception()]
            models = [*(each.model for each in self.contenders), *self.kept.values(), *filter(None, asked)]
            await _close_all(models, self.progress.note)
            await self.room.close()
        self._check_that_some_were_answered()
        facts = facts_of_run(
            task=self.task,
            rows=self.rows,
            columns=self.columns,
            judge=self.judge,
            contenders=self.contenders,
            tally=self.tally,
            started=self.started,
            ended=self.clock(),
        )
        if not self.context.trial:
            facts |= kept_facts(facts, self.contenders, self.store, self.task.id, self.split)
        if self.judging is not None:
            facts |= self.judging.facts(self.judged)
        facts |= self.lectures.facts()
        facts |= price_facts(recipes, prices)
        if self.paraphraser is not None:
            facts |= self.paraphraser.facts(judge_price, self.task.needs.currency)
        evaluation = dataclasses.replace(
            self._everybody(prices),
            facts=facts,
            raced=raced,
            unasked=self._unasked(raced),
            budget=None if self.purse is None else self.purse.close(),
        )
        evaluation = self._apart(priced_in_time(evaluation, prices, self.store))
        self.store.add([*([evaluation] if self.seals else []), *self._ends_of_refresh()])
        self._note_changes()
        self.progress.finished()
        return evaluation

    async def _nested(
        self, task: Task, teachers: Sequence[Candidate], split: Split, budget: Budget | None
    ) -> Evaluation:
        """An evaluation that is not kept; its answers are."""
        ask: Asking = "nothing" if self.ask == "nothing" else "missing"
        quiet = Noting(self.progress)
        run = _Run(
            task,
            teachers,
            split=split,
            store=self.store,
            progress=quiet,
            env=self.context.env,
            clock=self.clock,
            ask=ask,
            trial=self.context.trial,
        )
        run.seals = False
        try:
            return await run.evaluation(self.table, None, budget, lambda plan: None)
        finally:
            if self.purse is not None:
                self.purse.spend(run.spent)

    async def _lectured(self, missing: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """What is still to be asked once teachers have been: some of them may be candidates too."""
        if not any(each.pupil for each in self.contenders):
            return missing
        await self.lectures.give(missing)
        left = []
        for each, questions in zip(self.contenders, missing, strict=False):
            keys = {self.rows.keys[question]: question for question in questions}
            stored = self.store.answers(each.version, keys)
            new = [(keys[key], answer) for key, answer in stored.items() if answer.failure is None]
            self.columns.record(each.index, new)
            for question, answer in new:
                self.exchange.heard(each.index, question, answer)
            done = {question for question, _ in new}
            left.append([question for question in questions if question not in done])
        return left

    def _ends_of_refresh(self) -> list[Refreshed]:
        """Only a run that asked everything ends a refresh: where a budget ended, the next run goes on with it."""
        if self.ask in ("nothing", "failed") or (self.purse is not None and self.purse.ended):
            return []
        return ends_of_refresh(self.store, self.contenders, self.rows, at=self.clock())

    def _prepare_judges(
        self,
        plan: Plan,
        prices: Sequence[Price | None],
        budget: Budget | None,
        price_of: Callable[[Candidate], Price | None],
    ) -> None:
        """Judges, and who paraphrases, are paid from the budget too, and ask nothing in a run that may not."""
        judging, paraphraser = self.judging, self.paraphraser
        if judging is None and paraphraser is None:
            return
        if judging is not None and self.ask == "nothing":
            judging.ask_nothing("the judge was not asked: --offline")
        if paraphraser is not None and self.ask == "nothing":
            paraphraser.asker.why_not = "nothing was asked: --offline"
        if budget is None:
            return
        judges, n = () if judging is None else judging.models, len(prices)
        helpers = [*judges, *(() if paraphraser is None else [paraphraser.asker.candidate])]
        theirs = [price_of(helper) for helper in helpers]
        check_budget(budget, helpers, theirs, [True] * len(helpers), self.task.needs.currency)
        foretold = expected_of(plan, budget)
        by_model = {each.model.id: one for each, one in zip(self.foreseen, foretold[n:], strict=False)}
        expected = [*foretold[:n], *(by_model.get(judge.id, 0.0) for judge in judges)]
        if paraphraser is not None:
            expected.append(foretold[n + len(self.foreseen)] if len(foretold) > n + len(self.foreseen) else 0.0)
        purse = self.purse = Purse(budget, [*prices, *theirs], expected)
        if judging is not None:
            judging.pay_from(lambda number: purse.of(n + number))
        if paraphraser is not None:
            paraphraser.asker.pay_from(purse.of(n + len(judges)))

    async def _all_judged(self, price: Callable[[Candidate], Price | None] | None = None) -> None:
        """Waits for the judges, if there are any."""
        if self.judging is not None:
            await self.judging.done()
            if price is not None:
                self.judged = self.judging.judged(price, self.task.needs.currency)

    def _look_into_store(
        self, prices: Sequence[Price | None], budget: Budget | None, judge_price: Callable[[Candidate], Price | None]
    ) -> tuple[Plan, list[Sequence[int]]]:
        """The plan, and the questions that each candidate must be asked; what is stored is scored already."""
        helpers = [] if self.paraphraser is None else [self.paraphraser.asker.candidate]
        helpers += [work.asker.candidate for work in self.works]
        self.store.add([*(each.candidate for each in self.contenders), *helpers])
        found = known_of(self.store, self.contenders, self.rows, self.ask, self.n)
        visible = found[: self.n]
        if self.ask != "nothing":
            self.foreseen = foreseen(self.works, visible, self.task.needs, judge_price)
        asks = [(one.part, one.story) for one in self.foreseen]
        if self.ask != "nothing":
            asks += paraphrases_foreseen(self.perturbing, visible, self.task.needs, judge_price)
        asks += lessons_foreseen(
            self.task, self.contenders, found, store=self.store, context=self.context, price_of=judge_price
        )
        in_batches = self.batching is not None
        plan = planned(self.task, self.store, found, prices, budget, helpers=asks, in_batches=in_batches)
        for each, known, part in zip(self.contenders, found, plan.parts, strict=True):
            self.columns.record(each.index, known.answers())
            if self.exchange.is_part(each.index):
                for question, answer in known.answers():
                    self.exchange.heard(each.index, question, answer)
            self.tally.done[each.index] = part.n_stored
            self.tally.n_stored += len(self.rows.keys) - len(known.without)
            note_collected(self.store, each.version, self.clock())
            if self.batching is None and self.store.submissions(each.version):
                keys = [self.rows.keys[q] for q in known.to_ask]
                check_none_in_flight(each.candidate.name, in_flight(self.store, each.version, keys))
        if self.ask == "everything" and goes_on(self.store, self.contenders, self.rows):
            self.progress.note("the refresh that was interrupted goes on; what it has asked is not asked again.")
        parts = zip(visible, plan.parts, strict=False)  # what is only a part of others is asked by them
        return plan, [[] if part.ruled_out else known.to_ask for known, part in parts]

    async def _ask(
        self,
        plan: Plan,
        missing: Sequence[Sequence[int]],
        schedule: Schedule | None,
        prices: Sequence[Price | None],
        budget: Budget | None,
    ) -> Raced | None:
        self.progress.started(plan)
        if self.ask == "everything":
            begin_refresh(self.store, self.contenders, self.rows, self.task.needs, at=self.clock())
        settings = self.task.settings
        if budget is not None and self.batching is not None:
            check_affordable(plan, budget)
        if budget is not None:
            self.purse = self.purse or Purse(budget, prices, expected_of(plan, budget))
            if schedule is None and self.batching is None:  # a batch cannot be stopped, so it fits or is not begun
                schedule = in_rounds(seed=settings.seed, at_once=settings.concurrency or AT_ONCE)
        versions = tuple(each.version for each in self.contenders)
        recorder = self.recorder = Recorder(self.store, self.columns, versions, self.clock, self._recorded)
        taker = Hearing(recorder, self.exchange)
        try:
            missing = await self._lectured(missing)
            if schedule is None:
                await self._ask_these(missing, recorder, taker)
                self._check_nothing_is_open()
                return None

            def so_far() -> Evaluation:
                return self._apart(self._everybody(prices))

            return await self._ask_in_rounds(missing, schedule, so_far, recorder, taker)
        finally:
            recorder.close()
            await asyncio.sleep(0)  # lets the last counts through
            recorder.check()

    async def _ask_in_rounds(
        self,
        missing: Sequence[Sequence[int]],
        schedule: Schedule,
        so_far: Callable[[], Evaluation],
        recorder: Recorder,
        taker: Hearing,
    ) -> Raced | None:
        """Asks what the schedule yields, round by round. Whatever comes of an ask, it is not repeated in this run."""
        left = [set(questions) for questions in missing]
        if self.purse is not None:
            await self._all_judged()  # what is stored is judged first, so that what is left is for what is asked

        async def ask(k: int, questions: Sequence[int], taker: Taker) -> None:
            await self._ask_one(self.contenders[k], questions, taker, keep=True)

        tracks = Tracks(len(left), ask, taker, lockstep=self.batching is not None)
        recorder.on_problem = tracks.wake  # slow candidates must not delay the news that the disk is full
        rounds = schedule(so_far(), Left(self.purse, self.rows, left, tracks.open, self._verdicts()))
        scheduled = self.scheduled = np.zeros(self.columns.status.shape, np.bool_)
        raced: Raced | None = None
        try:
            now = next(rounds)
            while True:
                todo = self._begin(now, left, scheduled)
                if self.ask == "nothing":
                    check_all_stored(self.contenders, todo if self.tally.n_stored else missing, raced=True)
                for k, questions in enumerate(todo):
                    self.exchange.expect(k, questions)
                for k, questions in enumerate(todo):
                    tracks.give(k, questions)
                if now.candidates:
                    await tracks.together(now.candidates, recorder.check)
                else:
                    await tracks.one_of(range(len(left)), recorder.check)
                await self._all_in(recorder)
                for k in self.tally.given_up:
                    left[k].clear()
                now = rounds.send(so_far())
        except StopIteration as end:
            raced = cast("Raced | None", end.value)
            await tracks.all(recorder.check)  # what was given is answered, whatever it is still good for
            await self._all_in(recorder)
        finally:
            await tracks.close()
        if self.purse is not None and (any(left) if raced is None else raced.stopped == "budget"):
            self.purse.ended = True
        if self.purse is not None and self.purse.ended and not self.tally.n_asked and not self.tally.n_stored:
            raise UsageError(
                f"a budget of {self.purse.budget} does not let the candidates answer one example each.",
                "Give a larger one, or fewer candidates (--only).",
            )
        return raced

    async def _all_in(self, recorder: Recorder) -> None:
        """Waits until what was answered is stored, scored and judged."""
        await recorder.flush()
        self._check_nothing_is_open()
        await self._all_judged()

    def _verdicts(self) -> list[Verdicts]:
        """What judges are asked of each answer that is to come, by their place in the purse."""
        ids = [] if self.judging is None else [model.id for model in self.judging.models]
        n = len(self.contenders)  # those that are paid before judges are
        return [Verdicts(n + ids.index(each.model.id), each.n_each, each.rival) for each in self.foreseen]

    def _unasked(self, raced: Raced | None) -> NDArray[np.bool_] | None:
        """Where nothing could be asked, for no fault of a candidate: the budget ended before, only failures were asked
        again, its provider refused its key or its quota, or went down after it had answered.
        """
        ended = self.purse is not None and self.purse.ended
        missing = np.asarray(self.columns.status == Status.MISSING)
        unasked = missing.copy() if ended or self.ask == "failed" else np.zeros_like(missing)
        for k in range(len(self.contenders)) if ended else ():  # refused in an earlier run, whose key was wrong
            unasked[k] |= self.columns.refused(k, ("unauthorised",))
        for k in self.tally.given_up:
            if self.health[k].is_refused:
                unasked[k] = missing[k] | self.columns.refused(k)
            elif self.health[k].is_down and np.isin(self.columns.status[k], (Status.SCORED, Status.UNSCORED)).any():
                unasked[k] = missing[k] | self.columns.refused(k, DOWN)
            elif self.scheduled is not None:  # what it did not answer is not the budget's fault
                unasked[k] &= ~self.scheduled[k]
        for question in self.tally.unmade:
            rows = list(self.rows.rows_of[question])
            unasked[:, rows] |= missing[:, rows]
        return unasked if unasked.any() else None

    def _begin(self, now: Round, left: list[set[int]], scheduled: NDArray[np.bool_]) -> list[list[int]]:
        """The questions that a round asks of each candidate, taken out of what is left."""
        for note in now.notes:
            self.progress.note(note)
        todo: list[list[int]] = [[] for _ in left]
        for k, rows in [*((k, now.rows) for k in now.candidates), *now.behind.items()]:
            scheduled[k, rows] = True
            wanted = dict.fromkeys(self.rows.question_of[rows].tolist())
            todo[k] = [question for question in wanted if question in left[k]]
            left[k].difference_update(todo[k])
        return todo

    async def _ask_these(self, todo: Sequence[Sequence[int]], recorder: Recorder, taker: Taker) -> None:
        for k, questions in enumerate(todo):
            self.exchange.expect(k, questions)
        asking = asyncio.ensure_future(
            all_or_first_problem(
                [
                    self._ask_one(each, mine, taker, keep=False)
                    for each, mine in zip(self.contenders, todo, strict=False)
                ]
            )
        )
        recorder.on_problem = asking.cancel  # slow candidates must not delay the news that the disk is full
        try:
            await asking
        except asyncio.CancelledError:
            recorder.check()
            raise

    def _recorded(self, candidate: int, n_rows: int, n_failed: int) -> None:
        self.tally.done[candidate] += n_rows
        self.tally.failed[candidate] += n_failed
        self.spends(self.spent)
        self.progress.answered(
            self.contenders[candidate].candidate.name, self.tally.done[candidate], self.tally.failed[candidate]
        )

    async def _ask_one(self, each: Contender, questions: Sequence[int], taker: Taker, *, keep: bool) -> None:
        if not questions:
            return
        health = self.health[each.index]
        try:
            for number, lesson in enumerate(each.lessons):
                mine = questions
                if lesson.questions is not None:
                    mine = [q for q in questions if q in lesson.questions]
                if mine and not health.given_up:
                    await self._ask_lesson(each, number, mine, taker, keep=keep)
        finally:
            self._asked(each, questions)
        if health.given_up and each.index not in self.tally.given_up:
            self._give_up(each, health.given_up)

    def _asked(self, each: Contender, questions: Sequence[int]) -> None:
        """Lets those who wait for answers of a part know that no more of these will come."""
        if not self.exchange.is_part(each.index):
            return
        if self.batching is not None:  # what came in batches was not heard
            keys = {self.rows.keys[question]: question for question in questions}
            for key, answer in self.store.answers(each.version, keys).items():
                self.exchange.heard(each.index, keys[key], answer)
        self.exchange.over(each.index, questions)

    async def _ask_part(self, candidate: int, question: int) -> Answer:
        """What a part that a composite asks says to a question; a failure where it cannot be made ready."""
        each = self.contenders[candidate]
        lessons = enumerate(each.lessons)
        number = next(n for n, lesson in lessons if lesson.questions is None or question in lesson.questions)
        model = await self._part_model(each, number)
        if model is None:
            return Answer(failure=Failure("raised", self.health[candidate].given_up or "it was not trained"))
        ((_, given),) = self._inputs([question])
        input = await given.make() if isinstance(given, Later) else given
        self.tally.asked[candidate] += 1
        if isinstance(model, Assembly):
            return await model.answer(model.asked(question, input))
        async with self.room.place(weights_of(model), keep=True):
            return await self._meter(each, model).answer(input)

    async def _part_model(self, each: Contender, number: int) -> Model | None:
        """The model of a part for one lesson, ready to answer; made once. None where it could not learn."""
        key = (each.index, number)
        if key not in self.part_models:
            self.part_models[key] = asyncio.ensure_future(self._part_made(each, number))
        return await asyncio.shield(self.part_models[key])

    async def _part_made(self, each: Contender, number: int) -> Model | None:
        model, lesson = self._loaded(each), each.lessons[number]
        if lesson.examples is None:
            return model
        async with self.room.place(weights_of(model), keep=True):
            return model if await self._fitted(each, model, lesson, self.health[each.index]) else None

    def _loaded(self, each: Contender) -> Model:
        """A model of a contender beside the first, for another lesson."""
        loaded = load_any(each.candidate, self.context)
        return Assembly(loaded, each.parts, lambda: self.exchange) if isinstance(loaded, Composite) else loaded

    def _bytes_at_once(self) -> int:
        """What the parts of one composite take in memory together: it may ask them in turn."""
        models = [each.model for each in self.contenders]
        sums = (sum(w.n_bytes for part in each.parts if (w := weights_of(models[part]))) for each in self.contenders)
        return max(sums, default=0)

    async def _ask_lesson(
        self, each: Contender, number: int, questions: Sequence[int], taker: Taker, *, keep: bool
    ) -> None:
        """Asks what belongs together, of a model that learned what it should; each lesson has a model of its own.

        With `keep` the model stays loaded for the next round, or can be loaded again with what it has learned. One that
        holds weights waits for its place in memory before anything of it is timed.
        """
        health, lesson = self.health[each.index], each.lessons[number]
        ready = self.kept.get((each.index, number))
        model = ready or (self._loaded(each) if number else each.model)
        async with self.room.place(weights_of(model), keep=keep):
            start = time.perf_counter()
            try:
                if lesson.examples is None or ready is not None or await self._fitted(each, model, lesson, health):
                    await self._ask_model(each, model, questions, taker)
            finally:
                self.tally.seconds[each.index] += time.perf_counter() - start
                if keep:
                    self.kept[each.index, number] = model
                else:
                    await _close_all([model], self.progress.note)

    async def _ask_model(self, each: Contender, model: Model, questions: Sequence[int], taker: Taker) -> None:
        if self.batching is not None and await self._asked_in_batches(each, model, questions):
            return
        self.tally.asked[each.index] += len(questions)
        await ask_all(
            model if isinstance(model, Assembly) else self._meter(each, model),
            each.index,
            self._questions(each, model, questions),
            taker,
            self.health[each.index],
            concurrency=min(at_once(model, self.task.settings.concurrency), len(questions)),
        )

    def _questions(self, each: Contender, model: Model, questions: Iterable[int]) -> Iterator[tuple[int, JSON | Later]]:
        """Questions with what is asked: inputs, or of an assembly their numbers. What is known by now is left out."""
        exchange = self.exchange if self.exchange.is_part(each.index) else None
        for question, given in self._inputs(questions):
            if exchange is not None and exchange.knows(each.index, question):
                continue
            if not isinstance(model, Assembly):
                yield question, given
            elif isinstance(given, Later):
                yield question, Later(partial(_made_for, model, question, given))
            else:
                yield question, model.asked(question, given)

    def _inputs(self, questions: Iterable[int]) -> Iterator[tuple[int, JSON | Later]]:
        """Questions with their inputs; those of perturbed ones are made when they are asked."""
        rows = self.rows
        for question in questions:
            level = rows.level_of(question)
            example = rows.example_of(question)
            yield question, example.input if level is None else Later(partial(self._made, question, example, level))

    async def _made(self, question: int, example: Example, level: Level) -> JSON:
        assert self.perturbing is not None
        try:
            return await self.perturbing.made(example, level)
        except Unmade as why:
            if not self.tally.unmade:
                self.progress.note(f"an input could not be perturbed, and is asked of nobody: {redact(str(why))}")
            self.tally.unmade[question] = str(why)
            raise

    async def _inputs_by_key(self, questions: Iterable[int]) -> dict[AnswerKey, tuple[int, JSON]]:
        """What goes into batches, made by now; what cannot be made is passed over."""
        found: dict[AnswerKey, tuple[int, JSON]] = {}
        for question, given in self._inputs(questions):
            with suppress(Unmade):
                found[self.rows.keys[question]] = (question, await given.make() if isinstance(given, Later) else given)
        return found

    def _measured(self, candidate: Candidate, model: Model) -> Model:
        """The model, with the share that its answers take of a server of one's own, if it is on one."""
        address = machine_of(candidate)
        return OnMachine(model, self.machines.setdefault(address, Machine())) if address else model

    def _meter(self, each: Contender, model: Model) -> Meter:
        purse = None if self.purse is None else self.purse.of(each.index)
        return meter_of(self._measured(each.candidate, model), each.candidate, self.task.settings, purse)

    async def _asked_in_batches(self, each: Contender, model: Model, questions: Sequence[int]) -> bool:
        """Whether the model's provider takes batches; then they were asked there."""
        name, health = each.candidate.name, self.health[each.index]
        batches = model.batches() if isinstance(model, Batchable) else None
        if batches is None or self.batching is None or self.recorder is None or not isinstance(model, Batchable):
            self.progress.note(f"{name}: cannot be asked in batches, so it is asked as usual")
            return False
        asked = await self._inputs_by_key(questions)
        purse = None if self.purse is None else self.purse.of(each.index)
        desk = Desk(self.store, self.recorder, self.batching, self.progress.note, self.clock, purse=purse)
        run = BatchRun(Who(name, each.index, each.version, model), batches, asked, desk)
        try:
            await run.ask()
        finally:
            await batches.close()
        self.tally.asked[each.index] += run.n_asked
        self.tally.collected.setdefault(each.index, []).extend(run.collected)
        if run.given_up:
            health.given_up, health.next_step = run.given_up, run.next_step
        if run.n_open:
            self.batches[name] = run
        return True

    def _check_nothing_is_open(self) -> None:
        if self.batches:
            raise still_open(self.batches)

    async def _fitted(self, each: Contender, model: Model, lesson: Lesson, health: Health) -> bool:
        """Whether the model learned; when it could not, the candidate is given up."""
        examples = lesson.examples or ()
        try:
            if isinstance(model, Studious):
                taught = partial(self._taught, each.index)
                await self.teaching.study(model, examples, self._meter(each, model.tutor), taught)
            pupil = pupil_in(model)
            said = self.lectures.said(each, pupil, examples) if pupil is not None else {}
            await in_thread(lambda: learn(model, examples, said))
        except PurseEmpty:
            return False
        except UsageError as problem:
            raise type(problem)(f"candidate {each.candidate.name!r}: {problem.found}", problem.next_step) from problem
        except Exception as problem:  # noqa: BLE001 (a candidate that cannot learn is data, like one that cannot answer)
            failure = failure_of(problem)
            health.given_up = f"it could not be trained: {failure.message}"
            self.columns.first_failure[each.index].setdefault(failure.kind, failure.message)
            return False
        return True

    def _taught(self, index: int, answers: Iterable[Answer]) -> None:
        """Takes what a tutor was asked into account."""
        for answer in answers:
            self.tally.taught[index] = self.tally.taught.get(index, 0) + answer.usage.input_tokens
            self.columns.served[index].note(answer)

    def _give_up(self, each: Contender, why: str) -> None:
        self.tally.given_up[each.index] = why
        self.progress.note(
            f"{each.candidate.name}: given up, {why.rstrip('.')}. What it did not answer counts as missing."
        )

    def _check_that_some_were_answered(self) -> None:
        if np.isin(self.columns.status[: self.n], (1, 3)).any():
            return
        if self.ask in ("nothing", "failed") and not self.tally.n_asked:
            raise UsageError("no answer is stored, and nothing was asked.", "Run it first: merits run")
        reasons = [f"{each.candidate.name}: {self._why_not(each)}" for each in self.contenders[: self.n]]
        kinds = [kind for first in self.columns.first_failure for kind in first]
        next_step = _NEXT_STEP[kinds[0]] if kinds else next(filter(None, (each.next_step for each in self.health)), "")
        raise ProviderError(f"no candidate could be asked. {'; '.join(reasons)}.", next_step)

    def _why_not(self, each: Contender) -> str:
        messages = list(self.columns.first_failure[each.index].values())
        return (messages or [self.tally.given_up.get(each.index, "not asked")])[0].rstrip(".")

    def _apart(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation of the candidates, with parts that are none beside them."""
        composed = {k: Composed(self.contenders[k].parts, asked) for k, asked in self.columns.consulted.items()}
        return priced_composites(apart(evaluation, self.n, composed))

    def _everybody(self, prices: Sequence[Price | None]) -> Evaluation:
        """What is known by now, of parts too."""
        columns, rows, judge = self.columns, self.rows, self.judge
        candidates = tuple(each.candidate for each in self.contenders)
        cost, priced = price_answers(
            prices,
            columns.tokens,
            columns.machine_s,
            columns.attempts,
            columns.unmetered,
            services=columns.services,
            asked_at=lambda k: self.started,
        )
        return Evaluation(
            task=self.task.id,
            task_name=self.task.name,
            kind=self.task.kind,
            split=self.split,
            candidates=candidates,
            versions=tuple(each.version for each in self.contenders),
            scorer=judge.name,
            examples=rows.ids,
            input_hashes=rows.input_hashes,
            repeats=rows.repeats,
            perturbations=rows.perturbations,
            levels=rows.levels,
            group=rows.groups,
            tags=rows.tags,
            status=columns.status,
            value=columns.value,
            solved=columns.solved,
            scores={name: values for name, values in columns.scores.items() if name not in judge.left_out},
            latency_s=columns.latency_s,
            machine_s=columns.machine_s,
            tokens=columns.tokens,
            attempts=columns.attempts,
            cost=cost,
            priced=priced,
            currency=self.task.needs.currency,
            labels=columns.labels(),
            confidence=columns.confidence,
            counts={name: counted for name, counted in columns.counts.items() if name not in judge.left_out},
            silent=columns.silent,
            untimed=columns.untimed,
            unmetered=columns.unmetered,
            services=columns.services,
            judged=self.judged,
            taught=self._tutors(),
            calls={work.asker.version: work.asker.calls() for work in self.works} if self.judged else {},
        )

    def _tutors(self) -> tuple[Taught, ...]:
        pupils: dict[str, list[str]] = {}
        for each in self.contenders:
            if tutor := tutor_of(each.model):
                pupils.setdefault(tutor, []).append(each.candidate.name)
        tutors = tuple(Taught(tutor, tuple(names)) for tutor, names in pupils.items())
        return (*tutors, *self.lectures.taught())

    def _note_changes(self) -> None:
        for each in self.contenders:
            if changes := self.columns.served[each.index].changes():
                self.progress.note(f"{each.candidate.name}: not all answers came from the same model. {changes}.")


def _rows(
    task: Task, split: Split, store: Store, context: LoadContext, clock: Callable[[], float]
) -> tuple[Rows, Perturbing | None]:
    """The rows of a split and what perturbs some of them, checked: a mistake in the file must not cost money."""
    examples = task.split(split)
    if not examples:
        raise TaskError(f"the task {task.name!r} has no examples in its {split} split.", "Add some, or split anew.")

    def asker_of(recipe: Candidate) -> Asker:
        return Asker(recipe, context, store, settings=task.settings, clock=clock, role="paraphraser")

    perturbing = perturbing_of(task, split, perturbed_folder(task, store), asker_of)
    repeats = task.settings.repeats
    if perturbing is None:
        return Rows.of(examples, repeats=repeats), None
    perturbing.check(examples)
    return Rows.of(examples, repeats=repeats, levels=perturbing.levels, sample=perturbing.sample), perturbing


async def _made_for(assembly: Assembly, question: int, given: Later) -> JSON:
    return assembly.asked(question, await given.make())


def _no_exchange() -> Exchange:
    raise AssertionError("nobody is asked for a plan")


def _columns(
    task: Task, n_candidates: int, rows: Rows, *, n_scored: int
) -> tuple[Judge, Columns, list[tuple[str, Scorer]]]:
    from merits.reading.labels import reader

    scorers = scorers_of(task)
    judge = Judge(scorers)
    read = reader(task.classes) if is_labelled(task.kind) else None
    return judge, Columns(n_candidates, rows, judge, task.classes, read, n_scored=n_scored), scorers


async def _close_all(models: Iterable[Model], note: Callable[[str], None]) -> None:
    """Closes models. One that cannot be closed is noted: it has nothing to do with the answers it gave."""
    for model in models:
        try:
            await model.close()
        except Exception as problem:  # noqa: BLE001
            note(redact(f"a model could not be closed: {type(problem).__name__}: {problem}"))


def _finish(coroutine: Coroutine[object, object, None]) -> None:
    """Runs a coroutine to its end, also where an event loop is running already (a notebook)."""
    thread = threading.Thread(target=lambda: asyncio.run(coroutine))
    thread.start()
    thread.join()

"""Judges at work: answers that wait for a verdict, the judge's model asked about them, each of its answers kept.

A judge's answer is stored under the judge's own version (recipe and fingerprint) and the hash of what it was asked,
before it counts, so it is paid for once, whoever scores with it and however often. Knows nothing about what judges say.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from merits.candidates.meter import Purse, PurseEmpty
from merits.candidates.registry import LoadContext, load
from merits.core.answer import STANDARD, Answer, Usage
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey, Model, Scorer, Store, StoredAnswer, Trainable
from merits.core.errors import CandidateError, MeritsError, TaskError
from merits.core.identity import content_hash
from merits.core.judge import Ask, Judged, Judgement, JudgeScorer
from merits.core.outcome import Score
from merits.core.secrets import shown
from merits.core.task import Example, Settings, Task
from merits.evaluating.asking import Health, at_once, meter_of
from merits.evaluating.columns import TOKENS, Columns
from merits.evaluating.contenders import load_context
from merits.evaluating.pricing import known_prices, price_answers

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = [
    "Asker",
    "Judging",
    "NotAsked",
    "Work",
    "judged_by",
    "judgement_of",
    "judging_of",
    "key_of",
    "price_in",
    "scorers_of",
    "versions_of",
    "works_of",
]

_LONGEST_REASON = 200


class NotAsked(Exception):
    """The judge's model could not be asked; says why. Asked again on the next run."""


class Asker:
    """One judge's model: asks what is not stored, and stores what it says before handing it on.

    Equal questions are asked once, also when they come at the same time. Failed answers are stored and asked again in
    the next run. `used` are the answers that were handed out, by their key. `why_not` is why nothing may be asked (a
    run without a network), "" if it may.
    """

    def __init__(
        self,
        candidate: Candidate,
        context: LoadContext,
        store: Store,
        *,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self.why_not = ""
        self.candidate = candidate
        # A judge answers with a verdict: the task's labels are nothing to it.
        self.model: Model = load(candidate, dataclasses.replace(context, task_kind="generation", classes=()))
        if isinstance(self.model, Trainable):
            raise CandidateError(f"{candidate.name!r} learns from examples, so it cannot judge.", "Name another model.")
        self.version = content_hash([candidate.id, self.model.fingerprint])
        self.n_asked = 0
        self.used: dict[AnswerKey, Usage] = {}
        self.health = Health(timed=bool(getattr(self.model, "timed", False)))
        self._settings, self._store = settings, store
        self._meter = meter_of(self.model, candidate, settings)
        self._journal = _Journal(store, self.version, clock)
        stored = store.answers(self.version)
        self._known = {key: answer for key, answer in stored.items() if answer.failure is None}
        self._coming: dict[AnswerKey, asyncio.Future[Answer]] = {}

    def pay_from(self, purse: Purse) -> None:
        """From now on every attempt is paid from a purse."""
        self._meter = meter_of(self.model, self.candidate, self._settings, purse)

    def stored(self, ask: Ask) -> Answer | None:
        """The answer to a question if it is there already."""
        return self._known.get(key_of(ask))

    def answers(self) -> Iterable[Answer]:
        """All that the model answered as a judge, whoever's question it was."""
        return self._known.values()

    def answered_at(self) -> NDArray[np.float64]:
        """When the answers that were used came (UNIX seconds), in their order."""
        at = {one.key: one.at for one in self._store.paid(self.version)}
        return np.array([at.get(key, 0.0) for key in self.used])

    async def answer(self, ask: Ask) -> Answer:
        """The answer to a question, stored. Raises NotAsked where there is none."""
        key = key_of(ask)
        known = self._known.get(key)
        if known is None:
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = asyncio.ensure_future(self._asked(key, ask))
            try:
                known = await asyncio.shield(coming)
            except asyncio.CancelledError:
                if not coming.cancelled():
                    raise
                raise NotAsked(f"the judge was given up: {self.health.given_up}") from None
        self.used[key] = known.usage
        if known.failure is not None:
            raise NotAsked(f"the judge could not be asked: {known.failure.message}")
        return known

    async def close(self) -> None:
        """Stops what is being asked, waits until what was answered is stored, and closes the model."""
        for coming in self._coming.values():
            coming.cancel()
        await asyncio.gather(*self._coming.values(), return_exceptions=True)
        await self._journal.settle()
        await self.model.close()

    async def _asked(self, key: AnswerKey, ask: Ask) -> Answer:
        try:
            if self.why_not:
                raise NotAsked(self.why_not)
            if self.health.given_up:
                raise NotAsked(f"the judge was given up: {self.health.given_up}")
            self.n_asked += 1
            try:
                answer = await self._meter.answer(ask.messages)
            except PurseEmpty:
                self.n_asked -= 1
                raise NotAsked("the budget ended before the judge was asked") from None
            self._note(key, answer)
            await self._journal.add(key, answer)
            if answer.failure is None:
                self._known[key] = answer
            return answer
        except asyncio.CancelledError:
            if not self.health.given_up:
                raise
            raise NotAsked(f"the judge was given up: {self.health.given_up}") from None
        finally:
            self._coming.pop(key, None)

    def _note(self, key: AnswerKey, answer: Answer) -> None:
        """Calls off all else that is on its way, once this answer shows that the judge is out of reach."""
        self.health.note(answer)
        if self.health.given_up:
            for other, coming in self._coming.items():
                if other != key:
                    coming.cancel()


def key_of(ask: Ask) -> AnswerKey:
    """The key that the answer to a question is stored under."""
    return AnswerKey(content_hash(ask.messages), ask.repeat)


class _Journal:
    """Stores answers in groups: whoever adds one waits until the group that it is in is on disk."""

    def __init__(self, store: Store, version: str, clock: Callable[[], float]) -> None:
        self._store, self._version, self._clock = store, version, clock
        self._pending: list[tuple[StoredAnswer, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, key: AnswerKey, answer: Answer) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((StoredAnswer(self._version, key, answer, self._clock()), done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        await done

    async def settle(self) -> None:
        """Waits until nothing is left to be written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            problem: BaseException | None = None
            try:
                await asyncio.to_thread(self._store.add, [record for record, _ in group])
            except Exception as raised:  # noqa: BLE001 (handed to those who wait for it)
                problem = raised
            for _, done in group:
                if done.cancelled():
                    continue
                if problem is None:
                    done.set_result(None)
                else:
                    done.set_exception(problem)


@dataclasses.dataclass
class Work:
    """One judge and what became of its work."""

    name: str
    judge: JudgeScorer
    asker: Asker
    deciding: bool
    rival: int | None
    n_unscored: int = 0
    n_repaired: int = 0
    judgements: dict[tuple[int, int], Judgement] = dataclasses.field(default_factory=dict)


class Judging:
    """All judges of an evaluation, beside its candidates: `take` an answer, and later its verdict is in the columns.

    `take` may be called from any thread; all else belongs to the event loop. At most `concurrency` answers are judged
    at once by each model. `done` returns once all that was taken is judged, and raises what went wrong with storing.
    """

    def __init__(self, works: Sequence[Work], columns: Columns, concurrency: int | None) -> None:
        self._works, self._columns = works, columns
        self._loop = asyncio.get_running_loop()
        self._taken: deque[tuple[int, int, Answer]] = deque()
        self._queues: list[deque[tuple[int, int, Answer, Answer | None]]] = [deque() for _ in works]
        self._limits = [at_once(work.asker.model, concurrency) for work in works]
        self._running: list[set[asyncio.Task[None]]] = [set() for _ in works]
        self._rivals: list[dict[int, Answer]] = [{} for _ in works]
        self._waiting: list[dict[int, list[tuple[int, Answer]]]] = [defaultdict(list) for _ in works]
        self._idle = asyncio.Event()
        self._problem: BaseException | None = None

    def take(self, candidate: int, row: int, answer: Answer) -> None:
        """Lets all judges judge the answer to a row."""
        self._taken.append((candidate, row, answer))
        if len(self._taken) == 1 and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._go_on)

    @property
    def models(self) -> tuple[Candidate, ...]:
        """The recipes of those that are asked."""
        return tuple(asker.candidate for asker in self._askers())

    def pay_from(self, purse_of: Callable[[int], Purse]) -> None:
        """From now on every attempt of each model is paid from its purse, by its place in `models`."""
        for number, asker in enumerate(self._askers()):
            asker.pay_from(purse_of(number))

    def ask_nothing(self, why: str) -> None:
        """From now on only what is stored is judged by; the rest is unscored, for this reason."""
        for asker in self._askers():
            asker.why_not = why

    def _askers(self) -> list[Asker]:
        return list({id(work.asker): work.asker for work in self._works}.values())

    async def done(self) -> None:
        """Waits until all that was taken is judged. An answer whose rival never came stays unscored."""
        self._go_on()
        while self._problem is None and (self._taken or any(self._running) or any(self._queues)):
            self._idle.clear()
            await self._idle.wait()
        if self._problem is not None:
            raise self._problem

    async def close(self) -> None:
        """Stops judging; what the judges answered is stored."""
        self._taken.clear()
        for queue in self._queues:
            queue.clear()
        tasks = [task for running in self._running for task in running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for asker in self._askers():
            await asker.close()

    def judged(self, prices: Callable[[Candidate], Price | None], currency: str) -> tuple[Judged, ...]:
        """What each judge did. Judges that share a model share its calls: they are counted with the first."""
        found, seen = [], set()
        for work in self._works:
            fresh = id(work.asker) not in seen
            seen.add(id(work.asker))
            found.append(_judged(work, prices(work.asker.candidate), currency, counted=fresh))
        return tuple(found)

    def facts(self, judged: Sequence[Judged]) -> dict[str, str]:
        """What readers should know of how the judging went."""
        said = {f"judge {each.scorer}": _in_words(each) for each in judged}
        askers = {work.name: work.asker.health.given_up for work in self._works}
        return said | {f"given up on judge {name}": why for name, why in askers.items() if why}

    def _go_on(self) -> None:
        while self._taken:
            candidate, row, answer = self._taken.popleft()
            for number in range(len(self._works)):
                self._sort(number, candidate, row, answer)
        for number, queue in enumerate(self._queues):
            while queue and len(self._running[number]) < self._limits[number] and self._problem is None:
                task = asyncio.ensure_future(self._one(number, *queue.popleft()))
                self._running[number].add(task)
                task.add_done_callback(lambda task, number=number: self._ended(number, task))  # type: ignore[misc]
        self._idle.set()

    def _sort(self, number: int, candidate: int, row: int, answer: Answer) -> None:
        """Queues an answer, once the one that it is compared with is there."""
        rival = self._works[number].rival
        if candidate == rival:
            self._rivals[number][row] = answer
            name = self._works[number].judge.against
            self._unscored(self._works[number], f"{name} is what the others are compared with")
            if answer.refused and self._works[number].deciding:
                self._columns.left_unscored(candidate, row)
            for other, said in self._waiting[number].pop(row, ()):
                self._against(number, other, row, said, answer)
        elif answer.refused:
            return  # it is scored already, and no judge reads a refusal
        elif rival is None:
            self._queues[number].append((candidate, row, answer, None))
        elif row in self._rivals[number]:
            self._against(number, candidate, row, answer, self._rivals[number][row])
        else:
            self._waiting[number][row].append((candidate, answer))

    def _against(self, number: int, candidate: int, row: int, answer: Answer, rival: Answer) -> None:
        """Queues a comparison; whoever answers is better than a rival that refuses, without asking anybody."""
        work = self._works[number]
        if rival.refused:
            self._columns.judged(candidate, row, work.name, Score(1.0, True, f"{work.judge.against} refused"))
        else:
            self._queues[number].append((candidate, row, answer, rival))

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        self._running[number].discard(task)
        if not task.cancelled() and task.exception() is not None and self._problem is None:
            self._problem = task.exception()
        self._go_on()

    async def _one(self, number: int, candidate: int, row: int, answer: Answer, rival: Answer | None) -> None:
        work = self._works[number]
        example = self._columns.rows.examples[row]
        try:
            judgement, n_asks = await judgement_of(work.judge, work.asker, example, answer, rival)
        except MeritsError:
            raise
        except Exception as problem:  # noqa: BLE001 (the place that asks a judge)
            self._unscored(work, _said(problem))
            return
        work.n_repaired += n_asks > len(judgement.votes)
        work.judgements[candidate, row] = judgement
        self._columns.judged(candidate, row, work.name, judgement.score)

    def _unscored(self, work: Work, reason: str) -> None:
        work.n_unscored += 1
        judge = self._columns.judge
        if work.deciding:
            judge.unscored[reason] += 1
        else:
            judge.left_out.setdefault(work.name, reason)


async def judgement_of(
    judge: JudgeScorer, asker: Asker, example: Example, answer: Answer, rival: Answer | None = None
) -> tuple[Judgement, int]:
    """What a judge comes to, and how often it was asked for that. Raises NotAsked, and what the judge raises."""
    asking = judge.judge(example, answer, rival)
    n_asks = 0
    try:
        ask = next(asking)
        while True:
            said = await asker.answer(ask)
            n_asks += 1
            ask = asking.send(said)
    except StopIteration as end:
        found: Judgement = end.value
        return found, n_asks
    finally:
        asking.close()


def works_of(
    scorers: Sequence[tuple[str, Scorer]],
    task: Task,
    names: Sequence[str],
    *,
    context: LoadContext,
    store: Store,
    clock: Callable[[], float],
) -> list[Work]:
    """The judges among the scorers, their models loaded. Raises TaskError where a rival is not among the `names`."""
    works: list[Work] = []
    askers: dict[str, Asker] = {}
    for number, (name, scorer) in enumerate(scorers):
        if not isinstance(scorer, JudgeScorer):
            continue
        if scorer.against and scorer.against not in names:
            raise TaskError(
                f"the judge {name!r} compares with {scorer.against!r}, which is not among the candidates.",
                f"Evaluate it too; there are {', '.join(names)}.",
            )
        recipe = scorer.model
        if recipe.id not in askers:
            askers[recipe.id] = Asker(recipe, context, store, settings=task.settings, clock=clock)
        rival = names.index(scorer.against) if scorer.against else None
        works.append(Work(name, scorer, askers[recipe.id], deciding=number == 0, rival=rival))
    return works


def scorers_of(task: Task) -> list[tuple[str, Scorer]]:
    """The task's scorers by name, those of its kind where it names none."""
    from merits.scorers.registry import default_scorers
    from merits.scorers.registry import load as load_scorer

    specs = task.scorers or default_scorers(task.kind)
    return [(spec.label, load_scorer(spec, classes=task.classes, folder=task.folder)) for spec in specs]


def versions_of(task: Task, store: Store) -> dict[str, Candidate]:
    """The recipes of a task's judges by the version under which their answers are stored. Asks nothing."""
    context = load_context(task, None, asks=False)
    recipes = [scorer.model for _, scorer in scorers_of(task) if isinstance(scorer, JudgeScorer)]
    askers = [Asker(recipe, context, store, settings=task.settings, clock=lambda: 0.0) for recipe in recipes]
    return {asker.version: asker.candidate for asker in askers}


def judging_of(works: Sequence[Work], columns: Columns, concurrency: int | None) -> Judging | None:
    """The judges at work beside the candidates; None where there are none."""
    if not works:
        return None
    judging = Judging(works, columns, concurrency)
    columns.later = judging.take
    return judging


def priced(asker: Asker, price: Price | None) -> tuple[dict[str, int], float, float | None]:
    """The tokens by kind, the machine seconds and the cost of all answers that a judge's model was used for.

    The cost is None where the price is unknown, and where no answer tells what it used.
    """
    used = list(asker.used.values())
    counts = {name: np.array([[getattr(usage, f"{name}_tokens") for usage in used]], float) for name in TOKENS}
    machine_s = np.array([[usage.machine_s for usage in used]], float)
    attempts = np.array([[usage.attempts for usage in used]], np.int32)
    tokens = {name: array for name, array in counts.items() if array.any()}
    unmetered = np.array([[usage.unmetered for usage in used]], np.int32)
    tiers = {usage.service_tier for usage in used if usage.service_tier not in STANDARD}
    services = {tier: np.array([[usage.service_tier == tier for usage in used]]) for tier in tiers}
    cost, known = price_answers(
        [price], tokens, machine_s, attempts, unmetered, services=services, asked_at=lambda _: asker.answered_at()
    )
    total = {name: int(array.sum()) for name, array in tokens.items()}
    return total, float(machine_s.sum()), float(cost.sum()) if known[0] else None


def price_in(table: PriceSource | None, currency: str) -> Callable[[Candidate], Price | None]:
    """Finds the price of a judge's model; TaskError for one in another currency."""
    return lambda candidate: known_prices([candidate], table, currency=currency)[0]


def judged_by(asker: Asker, judgements: Sequence[Judgement], price: Price | None, currency: str) -> Judged:
    """What a judge's model did, from the judgements it was used for; its scorer and what failed are not known here."""
    tokens, machine_s, cost = priced(asker, price)
    voted = [each.votes for each in judgements if len(each.votes) > 1 and not each.firsts]
    return Judged(
        scorer="",
        model=asker.candidate.name,
        version=asker.version,
        deciding=False,
        n_verdicts=len(judgements),
        n_calls=len(asker.used),
        n_asked=asker.n_asked,
        n_unscored=0,
        n_ordered=sum(bool(each.firsts) for each in judgements),
        n_inconsistent=sum(each.inconsistent for each in judgements),
        n_split_votes=sum(len(set(votes)) > 1 for votes in voted),
        n_voted=len(voted),
        tokens=tokens,
        machine_s=machine_s,
        cost=cost,
        currency=currency,
        recipe=asker.candidate.id,
    )


def _judged(work: Work, price: Price | None, currency: str, *, counted: bool) -> Judged:
    found = judged_by(work.asker, list(work.judgements.values()), price, currency)
    found = replace(
        found, scorer=work.name, deciding=work.deciding, n_unscored=work.n_unscored, n_repaired=work.n_repaired
    )
    return found if counted else replace(found, n_calls=0, n_asked=0, tokens={}, machine_s=0.0, cost=0.0)


def _in_words(judged: Judged) -> str:
    """What a judge did, on one line."""
    cost = "cost unknown" if judged.cost is None else f"{judged.cost:.6g} {judged.currency}"
    parts = [
        f"{judged.model}: {judged.n_verdicts} verdicts, {judged.n_calls} answers ({judged.n_asked} asked), {cost}",
        f"{judged.n_unscored} not judged" if judged.n_unscored else "",
        f"{judged.n_repaired} after a correction" if judged.n_repaired else "",
        f"{judged.n_inconsistent} of {judged.n_ordered} depend on the order" if judged.n_ordered else "",
        f"votes differ in {judged.n_split_votes} of {judged.n_voted}" if judged.n_voted else "",
    ]
    return "; ".join(filter(None, parts))


def _said(problem: Exception) -> str:
    kind = "" if isinstance(problem, NotAsked) else f"{type(problem).__name__}: "
    return shown(f"{kind}{problem}", _LONGEST_REASON).encode("utf-8", "replace").decode()

"""Judges at work beside the candidates: answers that wait for a verdict, and verdicts that go into the columns.

Knows nothing about what judges ask and say.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from merits.candidates.meter import Purse
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.judge import Judged
from merits.core.outcome import Score
from merits.evaluating.asker import Asker
from merits.evaluating.asking import at_once
from merits.evaluating.columns import Columns
from merits.evaluating.judge_costs import in_words, without_calls
from merits.evaluating.work import Unjudged, Work

__all__ = ["Judging", "judging_of"]


class Judging:
    """All judges of an evaluation, beside its candidates: `take` an answer, and later its verdict is in the columns.

    `take` may be called from any thread; all else belongs to the event loop. At most `concurrency` answers are judged
    at once by each model. `done` returns once all that was taken is judged, and raises what went wrong with storing.
    """

    def __init__(
        self, works: Sequence[Work], columns: Columns, concurrency: int | None, note: Callable[[str], None]
    ) -> None:
        self._works, self._columns, self._note = works, columns, note
        self._noted: set[str] = set()
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
            done = work.done(prices(work.asker.candidate), currency)
            found.append(done if fresh else without_calls(done))
        return tuple(found)

    def facts(self, judged: Sequence[Judged]) -> dict[str, str]:
        """What readers should know of how the judging went."""
        said = {f"judge {each.scorer}": in_words(each) for each in judged}
        return said | {f"given up on judge {each.scorer}": each.given_up for each in judged if each.given_up}

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
            why = self._works[number].unjudged(f"{name} is what the others are compared with")
            self._unscored(self._works[number], str(why))
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
            judgement = await work.judgement(example, answer, rival)
        except Unjudged as why:
            self._unscored(work, str(why))
        else:
            self._columns.judged(candidate, row, work.name, judgement.score)
        self._note_given_up(work)

    def _note_given_up(self, work: Work) -> None:
        why = work.given_up
        if why and work.name not in self._noted:
            self._noted.add(work.name)
            self._note(f"judge {work.name}: given up, {why.rstrip('.')}. What it did not judge is unscored.")

    def _unscored(self, work: Work, reason: str) -> None:
        judge = self._columns.judge
        if work.deciding:
            judge.unscored[reason] += 1
        else:
            judge.left_out.setdefault(work.name, reason)


def judging_of(
    works: Sequence[Work], columns: Columns, concurrency: int | None, note: Callable[[str], None]
) -> Judging | None:
    """The judges at work beside the candidates; None where there are none. `note` is told of one that is given up."""
    if not works:
        return None
    judging = Judging(works, columns, concurrency, note)
    columns.later = judging.take
    return judging

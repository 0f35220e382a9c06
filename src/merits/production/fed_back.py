"""What became of requests, learned later: labels from a file, and verdicts of the task's judge within a budget.

added = add_feedback(task, "labels.csv")
judged = judge_live(task, share=0.05, budget=2.0)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from merits.core.answer import Answer
from merits.core.doors import LiveStore, Store
from merits.core.errors import TaskError, UsageError
from merits.core.identity import JSON
from merits.core.judge import JudgeScorer
from merits.core.live import Feedback, Served, Source
from merits.core.racing import Budget
from merits.core.release import Release
from merits.core.task import Example, Task
from merits.evaluating.contenders import load_context
from merits.evaluating.live import heard
from merits.evaluating.purse import Purse
from merits.evaluating.work import Unjudged, Work, scorers_of, works_of
from merits.opening import finished, opened_live, opened_store, prices_of
from merits.prices.one import pricer
from merits.reading.feedback import standing
from merits.serving.recording import kept_of
from merits.store.since import feedback_on_all, served_since
from merits.tasks.feedback import read_feedback

if TYPE_CHECKING:
    from merits.core.price import Price

__all__ = ["FeedbackAdded", "JudgedLive", "add_feedback", "judge_live"]

_DAY_S = 86_400.0
_AT_ONCE = 4  # verdicts: so many may pass the budget


@dataclass(frozen=True)
class FeedbackAdded:
    """What a file of feedback held. All of `n_added` is kept, also on requests that are `unknown` so far.

    `n_again` rows were there already, word for word, and are not kept twice. `contradicting` are the requests of which
    the same source said something else before (in the file or earlier): the last word counts.
    """

    n_rows: int
    n_added: int
    n_again: int
    unknown: tuple[str, ...]
    contradicting: tuple[str, ...]


def add_feedback(
    task: Task,
    path: str | Path,
    *,
    source: Source = "label",
    live: LiveStore | str | Path | None = None,
) -> FeedbackAdded:
    """What was added of a file of labels (see `read_feedback`). Reading the same file twice adds nothing twice.

    A request that nobody knows may still be on its way from a server's journal, so its label is kept too. DataError,
    with file and line, for a file that cannot be read: nothing of it is added then.
    """
    given = read_feedback(str(path), task.name, source=source, classes=task.classes)
    requests = list(dict.fromkeys(one.request for one in given))
    with opened_live(live, task) as memory:
        known = memory.find(requests)
        given = _kept(given, memory.releases(task.name), known, task)
        before = [one for said in feedback_on_all(memory, requests).values() for one in said]
        stands = standing(given, before)
        new = [one for one, stand in zip(given, stands, strict=True) if not stand.duplicate]
        if new:
            memory.add(new)
    contradicting = {one.request: None for one, stand in zip(given, stands, strict=True) if stand.contradicts}
    unknown = tuple(request for request in requests if request not in known)
    return FeedbackAdded(len(given), len(new), len(given) - len(new), unknown, tuple(contradicting))


def _kept(
    given: Sequence[Feedback], releases: Sequence[Release], known: Mapping[str, Sequence[Served]], task: Task
) -> list[Feedback]:
    """What the release that answered lets be kept of each; the newest one's word counts where nobody knows which."""
    policies = {release.version: release.content for release in releases}
    newest = releases[-1].content if releases else task.serve.content
    kept = []
    for one in given:
        version = next((each.release for each in known.get(one.request, ()) if each.task == task.name), None)
        kept.append(kept_of(one, task.kind, newest if version is None else policies.get(version, newest)))
    return kept


@dataclass(frozen=True)
class JudgedLive:
    """What a judge came to on live answers: how many verdicts, what could not be judged, and the money it took.

    `spent` is today's (UTC), this call included; None where the judge has no price, and then nothing bounds it but
    `most`. `left` is how many of those that were drawn still wait for a verdict.
    """

    n_judged: int
    n_unjudged: int
    left: int
    spent: float | None
    currency: str


def judge_live(
    task: Task,
    *,
    share: float = 0.05,
    budget: float | None = None,
    most: int = 1_000,
    since_days: float = 7.0,
    dry_run: bool = False,
    live: LiveStore | str | Path | None = None,
    store: Store | str | Path | None = None,
    env: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
) -> JudgedLive:
    """What the task's first judge says of a share of the served answers whose text was kept, as feedback.

    Which answers are drawn depends on the request's id alone: a share of 0.05 looks at the same ones however often it
    is called, and never twice at one. What the judge's model answers is on disk before it counts (`store`, by default a
    file of its own beside the task's), and so is each verdict. `budget` is money for one day (UTC) in the needs'
    currency; what a verdict costs is known once it was given, so the last few may pass it. With `dry_run` nobody is
    asked: `left` says how many wait.
    Raises TaskError for a task without a judge, UsageError for a share or budget that cannot be, or a budget where
    the judge has no price.
    """
    _check(share, budget)
    scorers = [(name, scorer) for name, scorer in scorers_of(task) if isinstance(scorer, JudgeScorer)]
    scorers = [(name, scorer) for name, scorer in scorers if not scorer.against]
    if not scorers:
        raise TaskError(
            f"{task.name!r} has no scorer that is a judge of single answers.",
            "Add one: scorers: [{kind: judge, model: {kind: chat, model: ...}}]",
        )
    price = prices_of(task).price_of(scorers[0][1].model)
    if budget is not None and price is None:
        raise UsageError(
            f"{scorers[0][1].model.name!r} has no price, so no budget can be kept.",
            "Give it a `price:` in the recipe, or name a table of prices.",
        )
    currency = task.needs.currency
    with opened_live(live, task) as memory, opened_store(store or _verdicts(task), task) as kept:
        waiting = _drawn(memory, task, share, clock() - since_days * _DAY_S)
        works = works_of(scorers[:1], task, (), context=load_context(task, env), store=kept, clock=clock)
        version = works[0].asker.version
        if dry_run:
            return JudgedLive(0, 0, len(waiting), _spent_today(kept, version, price, clock), currency)
        purse: Purse | None = None
        if budget is not None:
            purse = Purse(Budget(budget, currency), [price], [0.0])
            purse.spend(_spent_today(kept, version, price, clock) or 0.0)
        work = _Judging(task, works[0], memory, purse=purse, clock=clock)
        judged, unjudged = finished(lambda: work.judge(waiting[:most]))
        spent = _spent_today(kept, version, price, clock)
    return JudgedLive(judged, unjudged, len(waiting) - judged - unjudged, spent, currency)


def _verdicts(task: Task) -> Path:
    """What judges answered about live answers, apart from the store of runs: a run may go on meanwhile."""
    return Path(task.folder) / ".merits" / "live_verdicts.sqlite"


def _check(share: float, budget: float | None) -> None:
    if not 0.0 < share <= 1.0:
        raise UsageError(f"the share is {share:g}.", "Give a number above 0, up to 1, such as 0.05.")
    if budget is not None and not 0.0 < budget < float("inf"):
        raise UsageError(f"the budget is {budget:g}.", "Give an amount of money for one day, such as 2.")


def _drawn(memory: LiveStore, task: Task, share: float, since: float) -> list[Served]:
    """The answers that chance drew and no judge has judged, oldest first."""
    drawn = [
        one
        for one in served_since(memory, task.name, since)
        if _place(one.request) < share and one.input is not None and _has_text(one.answer)
    ]
    said = feedback_on_all(memory, list({one.request: None for one in drawn}))
    return [
        one
        for one in drawn
        if not any(each.source == "judge" and each.arm == one.arm for each in said.get(one.request, ()))
    ]


def _has_text(answer: Answer) -> bool:
    return answer.failure is None and not answer.refused and answer.output is not None


def _place(request: str) -> float:
    """Where a request stands, from 0 to below 1; apart from where rollouts put it."""
    digest = blake2b(request.encode("utf-8", "replace"), digest_size=8, person=b"merits judged").digest()
    return int.from_bytes(digest) / 2**64


class _Judging:
    """One judge at work on live answers, a few at a time."""

    def __init__(
        self, task: Task, work: Work, memory: LiveStore, *, purse: Purse | None, clock: Callable[[], float]
    ) -> None:
        self._task, self._work, self._memory, self._clock = task, work, memory, clock
        self._purse = purse
        if purse is not None:
            work.asker.pay_from(purse.of(0))

    async def judge(self, waiting: Sequence[Served]) -> tuple[int, int]:
        """How many were judged, and how many could not be. Those that nobody was asked about still wait."""
        targets = feedback_on_all(self._memory, [one.request for one in waiting])
        judged, unjudged = 0, 0
        try:
            for start in range(0, len(waiting), _AT_ONCE):
                some = waiting[start : start + _AT_ONCE]
                found = await asyncio.gather(*(self._one(one, targets.get(one.request, ())) for one in some))
                verdicts = [one for one in found if one is not None]
                if verdicts:
                    self._memory.add(verdicts)
                judged += len(verdicts)
                if self._work.given_up or (self._purse is not None and self._purse.ended):
                    break
                unjudged += len(found) - len(verdicts)
        finally:
            await self._work.asker.close()
        return judged, unjudged

    async def _one(self, served: Served, said: Sequence[Feedback]) -> Feedback | None:
        target: JSON = next((one.target for one in heard(said, served) if one.target is not None), None)
        example = Example(served.request, served.input, target, split="live")
        try:
            score = (await self._work.judgement(example, served.answer)).score
        except Unjudged:
            return None
        return Feedback(
            request=served.request,
            task=self._task.name,
            at=self._clock(),
            source="judge",
            solved=score.solved,
            score=score.value,
            arm=served.arm,
            by=self._work.asker.candidate.name,
            comment=score.reason,
        )


def _spent_today(store: Store, version: str, price: Price | None, clock: Callable[[], float]) -> float | None:
    """The money that a judge's answers of this day (UTC) cost; None where it has no price."""
    if price is None:
        return None
    midnight, cost = clock() // _DAY_S * _DAY_S, pricer(price)
    return sum(cost(each.answer.usage, each.at) or 0.0 for each in store.paid(version) if each.at >= midnight)

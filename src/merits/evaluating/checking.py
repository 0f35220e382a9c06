"""A judge beside people: asked about answers that people labelled, so that its mistakes can be counted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from merits.core.answer import Answer
from merits.core.candidate import Price
from merits.core.doors import Store
from merits.core.errors import DataError, TaskError
from merits.core.identity import JSON
from merits.core.judge import HumanLabel, Judged, JudgeScorer, Verdict
from merits.core.racing import Budget
from merits.core.task import Example, ScorerSpec, Task
from merits.core.validate import did_you_mean
from merits.evaluating.asker import Asker
from merits.evaluating.asking import all_or_first_problem, at_once
from merits.evaluating.contenders import load_context
from merits.evaluating.forecast import predict
from merits.evaluating.foreseen import Foreseen, Verdicts
from merits.evaluating.judge_costs import price_in
from merits.evaluating.labelled import Said, reads_as
from merits.evaluating.planned import expected_of
from merits.evaluating.planning import Plan
from merits.evaluating.purse import Purse, check_budget
from merits.evaluating.work import Unjudged, Work
from merits.reading.values import text_of
from merits.scorers.registry import judge_of
from merits.scorers.registry import load as load_scorer

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["check_judge", "judge_in", "plan_check"]


class _Case:
    """One labelled answer, ready to be judged."""

    def __init__(self, label: HumanLabel, example: Example, answer: Answer, rival: Answer | None, other: JSON) -> None:
        self.label, self.example, self.answer, self.rival = label, example, answer, rival
        self.length = len(text_of(answer.output))
        self.other_length = 0 if other is None else len(text_of(other))

    def verdict(self, **found: object) -> Verdict:
        sizes = {"length": self.length, "other_length": self.other_length}
        group = self.label.group or self.example.group or self.example.input_hash
        return Verdict(**{"human": self.label.solved, "judgement": None, "group": group, **sizes, **found})  # type: ignore[arg-type]


async def check_judge(
    task: Task,
    spec: ScorerSpec,
    labels: Sequence[HumanLabel],
    *,
    said: Said,
    store: Store,
    table: PriceSource | None = None,
    env: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
) -> tuple[tuple[Verdict, ...], Judged]:
    """The judge's verdicts beside the labels, in their order, and what they cost. Asks only what is not stored.

    `said` holds stored answers, for labels that give no text. `confirm` is called with the plan before anything is
    asked, and may raise; what a `budget` does not pay for is unscored. Raises TaskError where the scorer is no judge,
    DataError for a label whose answer is not known, UsageError for a budget that cannot be kept.
    """
    work, cases, price = _prepared(task, spec, labels, said, store=store, table=table, env=env, clock=clock)
    asker = work.asker
    found: dict[int, Verdict] = {}
    left = iter(enumerate(cases))

    async def worker() -> None:
        for at, case in left:
            try:
                found[at] = case.verdict(judgement=await work.judgement(case.example, case.answer, case.rival))
            except Unjudged as why:
                found[at] = case.verdict(unscored=str(why))

    try:
        store.add([asker.candidate])
        plan = _plan(task, work, cases, price, budget)
        confirm(plan)
        if budget is not None:
            asker.pay_from(Purse(budget, [price], expected_of(plan, budget)).of(0))
        n_workers = at_once(asker.model, task.settings.concurrency)
        await all_or_first_problem([worker() for _ in range(min(n_workers, len(cases)))])
    finally:
        await asker.close()
    return tuple(found[at] for at in range(len(cases))), work.done(price, task.needs.currency)


async def plan_check(
    task: Task,
    spec: ScorerSpec,
    labels: Sequence[HumanLabel],
    *,
    said: Said,
    store: Store,
    table: PriceSource | None = None,
    env: Mapping[str, str] | None = None,
    budget: Budget | None = None,
) -> Plan:
    """What `check_judge` would ask and what that is likely to cost; raises what that raises before it asks."""
    work, cases, price = _prepared(task, spec, labels, said, store=store, table=table, env=env, clock=time.time)
    try:
        return _plan(task, work, cases, price, budget)
    finally:
        await work.asker.close()


def _prepared(
    task: Task,
    spec: ScorerSpec,
    labels: Sequence[HumanLabel],
    said: Said,
    *,
    store: Store,
    table: PriceSource | None,
    env: Mapping[str, str] | None,
    clock: Callable[[], float],
) -> tuple[Work, list[_Case], Price | None]:
    """The judge, what it is to judge, and its price."""
    judge = load_scorer(spec, classes=task.classes, folder=task.folder, data_folders=task.data_folders)
    if not isinstance(judge, JudgeScorer):
        raise TaskError(
            f"the scorer {spec.label!r} asks nobody: there is no judge to check.", "Name one with --scorer."
        )
    examples = {example.id: example for example in task.examples}
    cases = [_case(label, judge, examples, said) for label in labels]
    context = load_context(task, dict(os.environ) if env is None else env)
    asker = Asker(judge.model, context, store, settings=task.settings, clock=clock)
    return Work(spec.label, judge, asker), cases, price_in(table, task.needs.currency)(asker.candidate)


def _plan(task: Task, work: Work, cases: Sequence[_Case], price: Price | None, budget: Budget | None) -> Plan:
    """What is to be asked and what that is likely to cost. Raises UsageError for a budget that cannot be kept."""
    verdicts, asker = Verdicts(work.judge, work.asker), work.asker
    for case in cases:
        verdicts.add(case.example, case.answer, case.rival)
    found = Foreseen.of(work.name, verdicts, price)
    if budget is not None:
        check_budget(budget, [asker.candidate], [price], [found.part.n_to_ask > 0], task.needs.currency)
    return Plan((), predict(task, [found.story]), judges=(found.part,))


def _case(label: HumanLabel, judge: JudgeScorer, examples: Mapping[str, Example], said: Said) -> _Case:
    example = examples.get(label.example)
    if example is None and label.input is None:
        raise DataError(f"{label.where}: the task has no example {label.example!r}.", "Name its id, or give its input.")
    if example is None:
        example = Example(label.example or label.where, label.input, label.target)
    output = _labelled(label, example, said)
    rival, other = None, label.other
    if judge.against:
        other = label.other if label.other is not None else _stored(label, judge.against, example, said)
        rival = Answer(other)
    elif label.other is not None:
        example = Example(example.id, example.input, label.other, example.group)
    return _Case(label, example, Answer(output), rival, other)


def _labelled(label: HumanLabel, example: Example, said: Said) -> JSON:
    """The answer that was labelled: the text that is given, as it is stored where a cell shows that."""
    if label.answer is None:
        return _stored(label, label.candidate, example, said)
    stored = said.get(label.candidate, {}).get((label.example, label.repeat))
    return stored if stored is not None and reads_as(stored, label.answer) else label.answer


def _stored(label: HumanLabel, candidate: str, example: Example, said: Said) -> JSON:
    answers, at = said.get(candidate, {}), (label.example, label.repeat)
    if at not in answers:
        which = f", repeat {label.repeat}," if label.repeat else ""
        run = "merits run --dev: it is in dev" if example.split == "dev" else "merits run"
        raise DataError(
            f"{label.where}: no answer of {candidate!r} to {label.example!r}{which} is stored.",
            f"Run it first ({run}), or give the text in a column `answer`.",
        )
    return answers[at]


def judge_in(task: Task, name: str = "") -> ScorerSpec:
    """The judge of this name among a task's scorers; the first one unless named. Raises TaskError for none."""
    judges = {spec.label: spec for spec in task.scorers if judge_of(spec) is not None}
    if not judges:
        raise TaskError(
            f"{task.name!r} has no judge among its scorers.", "Add one: scorers: [{kind: judge, model: ...}]"
        )
    if name and name not in judges:
        raise TaskError(f"{task.name!r} has no judge {name!r}.", did_you_mean(name, judges))
    return judges[name] if name else next(iter(judges.values()))

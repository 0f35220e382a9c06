"""The whole product on one page: candidates go in, outcomes come out, a decision is made, a report is written.

    task = load_task("tickets.yaml")                    tasks/       what must be solved
    evaluation = evaluate(task)                         evaluating/  ask, score, remember
    decision = decide(evaluation, task.needs)           deciding/    which one is worth using
    write_report(evaluation, decision, "report.html")   report/      what people look at

Everything here only passes things on. What a step does is in the folder named beside it.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from merits.concluding import Run, concluded, paid, save_page, view_of
from merits.core.doors import Store
from merits.core.errors import RequirementError, TaskError, UsageError
from merits.core.outcome import Status
from merits.core.task import Split, Task
from merits.opening import (
    RUN_FIRST,
    Candidates,
    default_store,
    finished,
    labelled,
    labels_foretold,
    opened_store,
    place_of_store,
    prices_of,
    raw_outputs,
    recipes_of,
    repriced,
    schedule_of,
    stored_evaluation,
)

if TYPE_CHECKING:
    from merits.core.batching import Batching
    from merits.core.decision import Decision
    from merits.core.evaluation import Evaluation
    from merits.core.identity import JSON
    from merits.core.racing import Budget, Racing
    from merits.deciding.judges import JudgeCheck
    from merits.evaluating import Asking, Plan, Progress
    from merits.evaluating.drawing import Drawn
    from merits.prices.reconciling import Reconciliation
    from merits.report.explanation import Explanation
    from merits.tasks.looks.seeing import Progress as Looking
    from merits.tasks.profile import Profile

__all__ = [
    "Candidates",
    "Run",
    "barred",
    "check_judge",
    "check_needs",
    "check_robustness",
    "checked",
    "costs_money",
    "default_store",
    "draw_labels",
    "evaluate",
    "evaluate_one",
    "explained",
    "paid",
    "plan",
    "plan_check",
    "raw_outputs",
    "reconciled",
    "run",
    "save_page",
    "stored_evaluation",
    "stored_run",
    "write_report",
]

T = TypeVar("T")


def evaluate(
    task: Task,
    candidates: Candidates | None = None,
    *,
    split: Split = "test",
    store: Store | str | Path | None = None,
    progress: Progress | None = None,
    race: Racing | None = None,
    ask: Asking = "missing",
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
    batch: Batching | None = None,
    spends: Callable[[float], object] = lambda spent: None,
) -> Evaluation:
    """The evaluation of the candidates on one split of a task; answers that are stored are not asked for again.

    `candidates` are the task's own unless given: recipes, functions, scikit-learn estimators, or objects with
    `answer` or `predict`, in a sequence or by name in a mapping. `store` is where answers are remembered: a path,
    an open store, or by default `.merits/store.sqlite` in the task's folder. On `dev`, what can be trained is
    cross-validated; on `test` it is trained on all of `dev`. With `race` they are asked in rounds, and those that
    cannot be the best under the task's needs are dropped: far fewer calls (`merits.Racing`). With `batch` the
    questions are put to providers as batches, about half as dear and hours slower (`merits.Batching`). Works inside a
    running event loop (a notebook) too.

    `ask` is what to ask: what is "missing", "nothing" (fails at once when something is missing), "everything" again
    (newer answers count from then on), or only what "failed" or was refused before. `budget` is the most that this run
    may spend (`merits.Budget.of("5 USD")`), never exceeded by more than the calls in flight; what is there when it ends
    is the evaluation; `spends` is told how much of it is spent, with every answer and at the end. `confirm` is called
    with the plan and its predicted cost before the first call, and may raise.

    Raises BatchesOpen when batches are not to be waited for, UsageError for what must be changed, ProviderError when no
    candidate could be asked, StoreError when answers cannot be stored; what was answered before is stored in every
    case.

    >>> from merits import make_task
    >>> task = make_task([{"text": f"{w} {n}", "label": w} for n in range(9) for w in ("good", "bad")], name="words")
    >>> evaluation = evaluate(task, {"first word": lambda text: text.split()[0]}, store=":memory:")
    >>> evaluation.names, evaluation.solved.mean()
    (('first word',), np.float64(1.0))
    """
    from merits.evaluating import evaluate as ask_score_remember

    if batch is not None and task.needs.price_of_waiting:
        raise UsageError(
            "a second of waiting has a price (`price_of_waiting`), and batches do not tell how long a caller waits.",
            "Run without batches, or leave the price out.",
        )
    with opened_store(store, task) as opened:
        found = finished(
            lambda: ask_score_remember(
                task,
                recipes_of(task, candidates),
                split=split,
                store=opened,
                progress=progress,
                table=prices_of(task),
                schedule=schedule_of(task, race),
                ask=ask,
                budget=budget,
                confirm=confirm,
                batching=batch,
                paid=spends,
                spends=spends,
            )
        )
        return labelled(task, found, opened)


def plan(
    task: Task,
    *,
    split: Split = "test",
    store: Store | str | Path | None = None,
    ask: Asking = "missing",
    budget: Budget | None = None,
    batch: Batching | None = None,
) -> Plan:
    """What an evaluation would ask, what that is likely to cost, and what is stored already. Asks nothing.

    With `batch` it is what batches are likely to cost.
    """
    from merits.evaluating import plan as what_to_ask

    check_needs(task)
    with opened_store(store, task) as opened:
        made = what_to_ask(
            task,
            recipes_of(task, None),
            split=split,
            store=opened,
            ask=ask,
            table=prices_of(task),
            budget=budget,
            batching=batch,
        )
    return dataclasses.replace(made, notes=(*made.notes, *labels_foretold(task, split)))


def run(
    task: Task,
    *,
    split: Split = "test",
    store: Store | str | Path | None = None,
    progress: Progress | None = None,
    race: Racing | None = None,
    ask: Asking = "missing",
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
    batch: Batching | None = None,
    spends: Callable[[float], object] = lambda spent: None,
) -> Run:
    """The main job: evaluate the task's candidates, decide, remember the decision, and draw up the report.

    Raises RequirementError, before anything is asked, where what they say of themselves rules out every candidate.
    """
    check_needs(task)
    out = barred(task)
    if out and len(out) == len(task.candidates):
        raise RequirementError(
            f"every candidate is ruled out, so nothing was asked. {next(iter(out))}: {next(iter(out.values()))}.",
            "Add candidates that may be used, or change a requirement that is not needed.",
        )
    with opened_store(store, task) as opened:
        evaluation = evaluate(
            task,
            split=split,
            store=opened,
            progress=progress,
            race=race,
            ask=ask,
            budget=budget,
            confirm=confirm,
            batch=batch,
            spends=spends,
        )
        return concluded(task, evaluation, opened, remember=split == "test")


def costs_money(task: Task) -> bool:
    """Whether any candidate is paid by token or by call: then `merits run` races."""
    from merits.evaluating.pricing import known_prices

    prices = known_prices(task.candidates, prices_of(task), currency=task.needs.currency)
    return any(price is not None and price.paid_by_use for price in prices)


def evaluate_one(
    task: Task, name: str, *, store: Store | str | Path | None = None, progress: Progress | None = None
) -> Evaluation:
    """A test evaluation with the candidate of this name: the stored one when nothing is left to ask, else a new one."""
    from merits.evaluating import plan as what_to_ask

    narrowed = replace(task, candidates=tuple(one for one in task.candidates if one.name == name))
    with opened_store(store, task) as opened:
        stored = opened.evaluation(task.id, "test")
        (part,) = what_to_ask(narrowed, narrowed.candidates, split="test", store=opened, judges=False).parts
        if stored is None or part.version not in stored.versions or part.n_to_ask:
            return evaluate(narrowed, store=opened, progress=progress)
        if (stored.status[stored.versions.index(part.version)] == Status.MISSING).any():  # it raced
            return evaluate(narrowed, store=opened, progress=progress)
        return labelled(task, repriced(task, stored, opened), opened)


def check_judge(
    task: Task,
    labels: str = "",
    *,
    scorer: str = "",
    store: Store | str | Path | None = None,
    level: float = 0.95,
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
) -> JudgeCheck:
    """How good a judge of the task is by labels of people: agreement, kinds of mistakes, what they depend on.

    `labels` is a table (the task's `human_labels` unless given), `scorer` which judge (the first unless named).
    Asks only what is not stored; `confirm` is called with the plan before, and may raise.
    """
    from merits.deciding.judges import judge_check
    from merits.evaluating.checking import check_judge as ask_judge

    if not 0.5 < level < 1.0:
        raise UsageError(f"the confidence is {level:g}.", "Give one between 0.5 and 1.")
    with opened_store(store, task) as opened:
        ask = partial(ask_judge, budget=budget, confirm=confirm)
        verdicts, judged = finished(_check_of(task, labels, scorer, opened, ask))
    return judge_check(verdicts, judged, level)


def plan_check(
    task: Task,
    labels: str = "",
    *,
    scorer: str = "",
    store: Store | str | Path | None = None,
    budget: Budget | None = None,
) -> Plan:
    """What `check_judge` would ask, what that is likely to cost, and what is stored already. Asks nothing."""
    from merits.evaluating.checking import plan_check as what_to_ask

    with opened_store(store, task) as opened:
        return finished(_check_of(task, labels, scorer, opened, partial(what_to_ask, budget=budget)))


def _check_of(
    task: Task, labels: str, scorer: str, store: Store, of: Callable[..., Coroutine[object, object, T]]
) -> Callable[[], Coroutine[object, object, T]]:
    """A check of a judge, or the plan of one: by labels of answers to test and to dev."""
    from merits.evaluating.checking import judge_in
    from merits.evaluating.labelled import said_in
    from merits.tasks.human import read_labels

    spec = judge_in(task, scorer)
    path = labels or task.human_labels
    if not path:
        raise UsageError("there are no labels to check the judge against.", "Name them: --labels human.csv")
    read = read_labels(path, Path(task.folder)).said
    if not read:
        raise UsageError(f"nothing in {path} is labelled yet.", "Write 1 or 0 in its column `solved`.")
    said: dict[str, dict[tuple[str, int], JSON]] = {}
    for evaluation in (store.evaluation(task.id, "dev"), store.evaluation(task.id, "test")):
        for name, outputs in {} if evaluation is None else said_in(evaluation, store).items():
            said.setdefault(name, {}).update(outputs)
    return lambda: of(task, spec, read, said=said, store=store, table=prices_of(task))


def draw_labels(
    task: Task,
    out: str | Path,
    *,
    n: int = 100,
    candidates: Sequence[str] = (),
    labels: str = "",
    seed: int | None = None,
    store: Store | str | Path | None = None,
) -> Drawn:
    """The n stored test answers of each candidate that chance drew for people to label, written to `out` (CSV).

    Chance is that of `seed`, the task's unless given. What the table `labels` (the task's `human_labels` unless given)
    holds stands first in the new one, and is not drawn again. Asks nothing. Raises UsageError where `out` is there
    already, nothing is left to draw, or answers are compared in pairs; TaskError where nothing is stored.
    """
    from merits.core.judge import LabelTable
    from merits.evaluating.drawing import draw_answers
    from merits.tasks.human import read_labels
    from merits.tasks.human_table import write_labels

    if task.scorers and task.scorers[0].kind == "pairwise":
        raise UsageError(
            f"{task.scorers[0].label!r} compares answers in pairs, which are not drawn: the table cannot say in which "
            "order people saw them.",
            "Write the table by hand: example,candidate,other,solved (docs/judges.md).",
        )
    path = labels or task.human_labels
    table = read_labels(path, Path(task.folder)) if path else LabelTable()
    known = [*table.said, *table.blank]
    with opened_store(store, task, write=False) as opened:
        evaluation = opened.evaluation(task.id, "test")
        if evaluation is None:
            raise TaskError(f"nothing is stored for {task.name!r} as it is now.", RUN_FIRST)
        drawn = draw_answers(
            evaluation,
            {example.id: example for example in task.split("test")},
            opened,
            n,
            candidates=candidates,
            taken={(label.candidate, label.example, label.repeat) for label in known},
            rng=random.Random(task.settings.seed if seed is None else seed),
        )
    write_labels(out, LabelTable(table.said, (*table.blank, *drawn.blank)))
    return drawn


def check_needs(task: Task) -> None:
    """Nothing, if all needs can be judged on this task; else a RequirementError, before anything is spent."""
    from merits.deciding.priced_needs import check_amounts

    check_amounts(task.needs, task.classes)
    if task.needs.requirements:  # what estimates them is slow to import, and asking can begin without it
        from merits.deciding.metrics import check_requirement

        for requirement in task.needs.requirements:
            check_requirement(requirement, task)


def check_robustness(task: Task) -> None:
    """Nothing, if every perturbation that the task names makes something of its inputs; else a TaskError."""
    if not task.robustness.perturbations:
        return
    from merits.evaluating.perturbing import perturbing_of

    with tempfile.TemporaryDirectory() as folder:
        found = perturbing_of(task, "test", Path(folder))
        if found is not None:
            found.check(task.split("test"))


def checked(task: Task, *, thorough: bool = True, looking: Looking | None = None) -> Profile:
    """What a task's data holds and can show, with what is wrong with it and which candidates cannot run here yet.

    Not `thorough`, no files are opened and no labels doubted; `looking` is told how far a long look has come. Raises
    RequirementError and TaskError for needs and perturbations that cannot be, UsageError for an `improve:` that names
    what no technique has. Asks nobody.
    """
    from merits.evaluating.contenders import not_ready
    from merits.evaluating.work import scorers_not_ready
    from merits.improving.registry import improver_of
    from merits.tasks.findings import readiness
    from merits.tasks.profile import profile

    check_needs(task)
    check_robustness(task)
    for name, params in task.improve.items():
        improver_of(name, params)
    found = profile(task, thorough=thorough, progress=looking)
    return replace(
        found, warnings=readiness(found.warnings, finished(lambda: not_ready(task)), scorers_not_ready(task))
    )


def barred(task: Task) -> dict[str, str]:
    """The candidates that may certainly not be used, by what they say of themselves: name -> why."""
    from merits.core.facts import ruled_out

    reasons = {candidate.name: ruled_out(candidate, task.needs) for candidate in task.candidates}
    return {name: why for name, why in reasons.items() if why}


def stored_run(task: Task, *, store: Store | str | Path | None = None) -> Run:
    """The main job again from what is stored, under the task's present needs and prices. Asks nothing.

    The latest search for better candidates is shown with it, where what it found is in the evaluation.
    """
    from merits.store import kept_search

    search = kept_search(task.id, place_of_store(store, task))
    with opened_store(store, task, write=False) as opened:
        evaluation = stored_evaluation(task, store=opened)
        if search is not None and not {gain.found for gain in search.gains} <= set(evaluation.names):
            search = None
        return concluded(task, evaluation, opened, remember=False, search=search)


def reconciled(
    task: Task,
    invoice: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    tolerance: float = 0.01,
    store: Store | str | Path | None = None,
) -> Reconciliation:
    """A provider's bill (a CSV file) against all that this task ever asked, at what each answer cost when it came.

    `columns` names columns of the bill that are not called as usual. Raises UsageError, with file and line, for a bill
    that cannot be read.
    """
    from merits.evaluating.asked import asked_versions
    from merits.evaluating.asking import AT_ONCE
    from merits.evaluating.counting import counted_answers
    from merits.prices.invoice import read_invoice
    from merits.prices.reconciling import reconcile
    from merits.tasks.recipes import provider_of

    bill, currency = read_invoice(invoice, columns), task.needs.currency
    with opened_store(store, task, write=False) as opened:
        counted = counted_answers(opened, asked_versions(task, opened), prices_of(task), provider_of)
    in_flight = task.settings.concurrency or AT_ONCE
    return reconcile(bill, counted, tolerance=tolerance, currency=currency, in_flight=in_flight)


def explained(
    task: Task, *, store: Store | str | Path | None = None, stored: bool = False, candidate: str = ""
) -> Explanation:
    """Why the decision is what it is, decided again from what is stored; with `stored`, that of the last run."""
    from merits.report.explanation import explanation
    from merits.report.sections.verdict import headline

    with opened_store(store, task, write=False) as opened:
        made = opened.decisions(task.id)
        if stored:
            if not made:
                raise TaskError(f"no decision is stored for {task.name!r} as it is now.", RUN_FIRST)
            return explanation(made[-1], source="This is the decision of the last run.", candidate=candidate)
        decision = stored_run(task, store=opened).decision
    source = "Decided again from what is stored, under the present needs and prices."
    differs = bool(made) and (made[-1].verdict, made[-1].candidate) != (decision.verdict, decision.candidate)
    remembered = f"The last run decided otherwise: {headline(made[-1])} (--stored explains that)." if differs else ""
    return explanation(decision, source=source, remembered=remembered, candidate=candidate)


def write_report(
    evaluation: Evaluation,
    decision: Decision,
    path: str | Path,
    *,
    task: Task,
    store: Store | str | Path | None = None,
) -> Path:
    """The path of the self-contained HTML report that was written there.

    `task` is the one that was evaluated, and `store` where its answers are: the report shows some of them. Raises
    UsageError when the place cannot be written.

        merits.write_report(evaluation, decision, "report.html", task=task)
    """
    with opened_store(store, task, write=False) as opened:
        return save_page(view_of(task, evaluation, decision, opened), path)

"""The whole product on one page: candidates go in, outcomes come out, a decision is made, a report is written.

    task = load_task("tickets.yaml")                    tasks/       what must be solved
    evaluation = evaluate(task)                         evaluating/  ask, score, remember
    decision = decide(evaluation, task.needs)           deciding/    which one is worth using
    write_report(evaluation, decision, "report.html")   report/      what people look at

Everything here only passes things on. What a step does is in the folder named beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Store
from merits.core.errors import RequirementError, TaskError, UsageError
from merits.core.outcome import Status
from merits.core.task import ScorerSpec, Split, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merits.core.batching import Batching
    from merits.core.bill import Bill
    from merits.core.decision import Decision
    from merits.core.evaluation import Evaluation
    from merits.core.identity import JSON
    from merits.core.racing import Budget, Racing, Schedule
    from merits.deciding.judges import JudgeCheck
    from merits.evaluating import Asking, Plan, Progress
    from merits.prices import PriceBook
    from merits.prices.reconciling import Reconciliation
    from merits.report.explanation import Explanation
    from merits.report.views import ReportView

__all__ = [
    "Candidates",
    "Run",
    "barred",
    "check_judge",
    "check_needs",
    "costs_money",
    "evaluate",
    "evaluate_one",
    "explained",
    "paid",
    "plan",
    "raw_outputs",
    "reconciled",
    "run",
    "stored_evaluation",
    "stored_run",
    "write_report",
]

T = TypeVar("T")
Candidates: TypeAlias = "Sequence[object] | Mapping[str, object]"


@dataclass(frozen=True)
class Run:
    """What one run of the main job produced."""

    task: Task
    evaluation: Evaluation
    decision: Decision
    view: ReportView
    bill: Bill


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
    is the evaluation. `confirm` is called with the plan and its predicted cost before the first call, and may raise.

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
    with _opened(store, task) as opened:
        found = _finish(
            lambda: ask_score_remember(
                task,
                _recipes(task, candidates),
                split=split,
                store=opened,
                progress=progress,
                table=_prices(task),
                schedule=_schedule(task, race),
                ask=ask,
                budget=budget,
                confirm=confirm,
                batching=batch,
            )
        )
        return _labelled(task, found, opened)


def plan(
    task: Task,
    *,
    split: Split = "test",
    store: Store | str | Path | None = None,
    ask: Asking = "missing",
    budget: Budget | None = None,
) -> Plan:
    """What an evaluation would ask, what that is likely to cost, and what is stored already. Asks nothing."""
    from merits.evaluating import plan as what_to_ask

    check_needs(task)
    with _opened(store, task) as opened:
        return what_to_ask(
            task, _recipes(task, None), split=split, store=opened, ask=ask, table=_prices(task), budget=budget
        )


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
    with _opened(store, task) as opened:
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
        )
        return _concluded(task, evaluation, opened, remember=split == "test")


def costs_money(task: Task) -> bool:
    """Whether any candidate is paid by token or by call: then `merits run` races."""
    from merits.evaluating.pricing import known_prices

    prices = known_prices(task.candidates, _prices(task), currency=task.needs.currency)
    return any(price is not None and price.paid_by_use for price in prices)


def evaluate_one(
    task: Task, name: str, *, store: Store | str | Path | None = None, progress: Progress | None = None
) -> Evaluation:
    """A test evaluation with the candidate of this name: the stored one when nothing is left to ask, else a new one."""
    from merits.evaluating import plan as what_to_ask
    from merits.evaluating import reprice

    narrowed = replace(task, candidates=tuple(one for one in task.candidates if one.name == name))
    with _opened(store, task) as opened:
        stored = opened.evaluation(task.id, "test")
        (part,) = what_to_ask(narrowed, narrowed.candidates, split="test", store=opened, judges=False).parts
        if stored is None or part.version not in stored.versions or part.n_to_ask:
            return evaluate(narrowed, store=opened, progress=progress)
        if (stored.status[stored.versions.index(part.version)] == Status.MISSING).any():  # it raced
            return evaluate(narrowed, store=opened, progress=progress)
        return _labelled(task, reprice(stored, task.candidates, _prices(task), store=opened), opened)


def raw_outputs(task: Task, evaluation: Evaluation, k: int, store: Store | str | Path | None = None) -> dict[str, JSON]:
    """What candidate k said to each example, by its id, as far as it is stored; of repeats, the first."""
    examples = task.split(evaluation.split)
    with _opened(store, task, write=False) as opened:
        answers = opened.answers(evaluation.versions[k], {AnswerKey(example.input_hash) for example in examples})
    said = ((example.id, answers.get(AnswerKey(example.input_hash))) for example in examples)
    return {name: answer.output for name, answer in said if answer is not None and answer.failure is None}


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
    from merits.tasks.human import read_labels

    if not 0.5 < level < 1.0:
        raise UsageError(f"the confidence is {level:g}.", "Give one between 0.5 and 1.")
    spec = _judge_of(task, scorer)
    path = labels or task.human_labels
    if not path:
        raise UsageError("there are no labels to check the judge against.", "Name them: --labels human.csv")
    read = read_labels(path, Path(task.folder))
    with _opened(store, task) as opened:
        stored = opened.evaluation(task.id, "test")
        names = () if stored is None else stored.names
        said = {} if stored is None else {name: raw_outputs(task, stored, k, opened) for k, name in enumerate(names)}
        asked = partial(ask_judge, said=said, store=opened, table=_prices(task), budget=budget, confirm=confirm)
        verdicts, judged = _finish(lambda: asked(task, spec, read))
    return judge_check(verdicts, judged, level)


def _judge_of(task: Task, name: str) -> ScorerSpec:
    from merits.scorers.registry import judge_of

    judges = {spec.label: spec for spec in task.scorers if judge_of(spec) is not None}
    if not judges:
        raise TaskError(
            f"{task.name!r} has no judge among its scorers.", "Add one: scorers: [{kind: judge, model: ...}]"
        )
    if name and name not in judges:
        raise TaskError(f"{task.name!r} has no judge {name!r}.", f"There are {', '.join(judges)}.")
    return judges[name] if name else next(iter(judges.values()))


def _labelled(task: Task, evaluation: Evaluation, store: Store) -> Evaluation:
    """The evaluation with what people said of its answers, where the task names such labels."""
    if not task.human_labels:
        return evaluation
    from merits.evaluating.labelled import with_labels
    from merits.tasks.human import read_labels

    labels = read_labels(task.human_labels, Path(task.folder))
    said = {name: raw_outputs(task, evaluation, k, store) for k, name in enumerate(evaluation.names)}
    return with_labels(evaluation, labels, known=[example.id for example in task.examples], answers=said)


def check_needs(task: Task) -> None:
    """Nothing, if all needs can be judged on this task; else a RequirementError, before anything is spent."""
    from merits.deciding.priced_needs import check_amounts

    check_amounts(task.needs, task.classes)
    if task.needs.requirements:  # what estimates them is slow to import, and asking can begin without it
        from merits.deciding.metrics import check_requirement

        for requirement in task.needs.requirements:
            check_requirement(requirement, task)


def barred(task: Task) -> dict[str, str]:
    """The candidates that may certainly not be used, by what they say of themselves: name -> why."""
    from merits.core.facts import ruled_out

    reasons = {candidate.name: ruled_out(candidate, task.needs) for candidate in task.candidates}
    return {name: why for name, why in reasons.items() if why}


def stored_run(task: Task, *, store: Store | str | Path | None = None) -> Run:
    """The main job again from what is stored, under the task's present needs and prices. Asks nothing."""
    with _opened(store, task, write=False) as opened:
        return _concluded(task, stored_evaluation(task, store=opened), opened, remember=False)


def stored_evaluation(task: Task, *, store: Store | str | Path | None = None) -> Evaluation:
    """The latest test evaluation that is stored, under the task's present prices. Asks nothing."""
    from merits.evaluating import reprice

    with _opened(store, task, write=False) as opened:
        evaluation = opened.evaluation(task.id, "test")
        if evaluation is None:
            raise TaskError(f"nothing is stored for {task.name!r} as it is now.", "Run it first: merits run")
        return _labelled(task, reprice(evaluation, task.candidates, _prices(task), store=opened), opened)


def paid(task: Task, evaluation: Evaluation, *, store: Store | str | Path | None = None) -> Bill:
    """What was ever paid for the questions of an evaluation, over all runs, under the task's present prices."""
    from merits.evaluating import bill_of

    with _opened(store, task, write=False) as opened:
        return bill_of(evaluation, opened, _prices(task))


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
    from merits.evaluating.asking import AT_ONCE
    from merits.evaluating.counting import counted_answers
    from merits.prices.invoice import read_invoice
    from merits.prices.reconciling import reconcile
    from merits.tasks.recipes import provider_of

    bill, currency = read_invoice(invoice, columns), task.needs.currency
    with _opened(store, task, write=False) as opened:
        counted = counted_answers(opened, _asked_versions(task, opened), _prices(task), provider_of)
    in_flight = task.settings.concurrency or AT_ONCE
    return reconcile(bill, counted, tolerance=tolerance, currency=currency, in_flight=in_flight)


def _asked_versions(task: Task, store: Store) -> dict[str, Candidate]:
    """Everybody that answered for a task, judges too: in its runs, and in one that never came to its end."""
    from merits.evaluating import plan as what_to_ask

    present = {candidate.id: candidate for candidate in task.candidates}
    stored = {candidate.id: candidate for candidate in store.candidates()}
    found: dict[str, Candidate] = {}
    for run in store.runs():
        evaluation = store.run(run.number) if run.task_name == task.name else None
        if evaluation is not None:
            found |= {
                version: present.get(candidate.id, candidate)
                for version, candidate in zip(evaluation.versions, evaluation.candidates, strict=True)
            }
            by_name = dict(zip(evaluation.names, evaluation.candidates, strict=True))
            tutored = {each.version: by_name[each.candidates[0]] for each in evaluation.taught}
            found |= {version: present.get(pupil.id, pupil) for version, pupil in tutored.items()}
            found |= {judge.version: stored[judge.recipe] for judge in evaluation.judged if judge.recipe in stored}
    for candidate in task.candidates:
        try:
            (part,) = what_to_ask(task, (candidate,), split="test", store=store, judges=False).parts
        except UsageError:  # it cannot be loaded here (no key): what its runs stored is known from them
            continue
        found |= {version: candidate for version in (part.version, part.tutor) if version}
    return found | _present_judges(task, store)


def _present_judges(task: Task, store: Store) -> dict[str, Candidate]:
    """The task's judges by the version that judges: also of a run that never came to its end, and of a check."""
    from merits.evaluating.judging import versions_of

    try:
        return versions_of(task, store)
    except UsageError:  # as above
        return {}


def explained(
    task: Task, *, store: Store | str | Path | None = None, stored: bool = False, candidate: str = ""
) -> Explanation:
    """Why the decision is what it is, decided again from what is stored; with `stored`, that of the last run."""
    from merits.report.explanation import explanation
    from merits.report.sections.verdict import headline

    with _opened(store, task, write=False) as opened:
        made = opened.decisions(task.id)
        if stored:
            if not made:
                raise TaskError(f"no decision is stored for {task.name!r} as it is now.", "Run it first: merits run")
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
    with _opened(store, task, write=False) as opened:
        return save_page(_view(task, evaluation, decision, opened), path)


def save_page(view: ReportView, path: str | Path) -> Path:
    """The path of the HTML page of a report that was written there."""
    from merits.report import page

    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page.render(view), encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"cannot write the report to {target}: {problem.strerror}.", "Name another place with --report."
        ) from None
    return target


def _concluded(task: Task, evaluation: Evaluation, store: Store, *, remember: bool) -> Run:
    from merits.deciding.decide import decide
    from merits.report.drawings import painter

    painter.make_ready()
    decision = decide(evaluation, task.needs, test_looks=_looks(store, task, evaluation))
    if remember:
        store.add([decision])
    bill = paid(task, evaluation, store=store)
    return Run(task, evaluation, decision, _view(task, evaluation, decision, store, bill), bill)


def _looks(store: Store, task: Task, evaluation: Evaluation) -> int:
    """How many different sets of candidates were decided on with these test examples, this one included."""
    earlier = {frozenset(s.candidate_id for s in decision.standings) for decision in store.decisions(task.id)}
    return len(earlier | {frozenset(candidate.id for candidate in evaluation.candidates)})


def _view(task: Task, evaluation: Evaluation, decision: Decision, store: Store, bill: Bill | None = None) -> ReportView:
    from merits.report.views import view

    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    examples = task.split(evaluation.split)
    bill = bill or paid(task, evaluation, store=store)
    return view(evaluation, decision, examples=examples, answers=store.answers, made_at=made_at, bill=bill)


def _recipes(task: Task, candidates: Candidates | None) -> tuple[Candidate, ...]:
    if candidates is None:
        if not task.candidates:
            raise TaskError(f"{task.name!r} has no candidates.", "List some under `candidates:`, or pass them.")
        return task.candidates
    from merits.candidates.objects import as_candidate  # what it knows of learners is slow to import
    from merits.tasks.recipes import priced_here

    if isinstance(candidates, Mapping):
        recipes = [as_candidate(thing, name=name) for name, thing in candidates.items()]
    else:
        recipes = [as_candidate(thing) for thing in candidates]
    return tuple(priced_here(recipe, task.machine_per_hour, task.needs.currency) for recipe in recipes)


def _prices(task: Task) -> PriceBook:
    """All prices that are known today: the candidates' own, the task's table, what providers charge."""
    from merits.prices import PriceBook, load_table
    from merits.tasks.recipes import provider_of

    return PriceBook(
        on=datetime.now(UTC).date(),
        table=load_table(Path(task.folder) / task.prices) if task.prices else None,
        currency=task.needs.currency,
        exchange_rate=task.exchange_rate,
        provider_of=provider_of,
    )


def _schedule(task: Task, race: Racing | None) -> Schedule | None:
    if race is None:
        return None
    from merits.deciding.racing import schedule

    return schedule(race, task.needs, seed=task.settings.seed)


@contextmanager
def _opened(store: Store | str | Path | None, task: Task, *, write: bool = True) -> Iterator[Store]:
    from merits.store import open_store

    if store is not None and not isinstance(store, str | Path):
        yield store
        return
    opened = open_store(store or default_store(task), write=write)
    try:
        yield opened
    finally:
        opened.close()


def default_store(task: Task) -> Path:
    """Where a task's answers are remembered unless another place is named."""
    return Path(task.folder) / ".merits" / "store.sqlite"


def _finish(start: Callable[[], Coroutine[object, object, T]]) -> T:
    """The result of a coroutine, in a thread of its own when an event loop is running here already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    with ThreadPoolExecutor(1, "merits-flow") as thread:
        return thread.submit(lambda: asyncio.run(start())).result()

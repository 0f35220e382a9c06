"""From an evaluation to what people look at: the decision, its bill, and the report on both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from merits.core.doors import Store
from merits.core.errors import UsageError
from merits.core.task import Example, Task
from merits.opening import opened_store, prices_of

if TYPE_CHECKING:
    from merits.core.bill import Bill
    from merits.core.decision import Decision
    from merits.core.evaluation import Evaluation
    from merits.core.identity import JSON
    from merits.core.improvement import Improvement
    from merits.core.robustness import Level
    from merits.report.views import ReportView

__all__ = ["Run", "concluded", "decided", "paid", "save_page", "view_of"]


@dataclass(frozen=True)
class Run:
    """What one run of the main job produced."""

    task: Task
    evaluation: Evaluation
    decision: Decision
    view: ReportView
    bill: Bill


def concluded(
    task: Task,
    evaluation: Evaluation,
    store: Store,
    *,
    remember: bool,
    search: Improvement | None = None,
) -> Run:
    from merits.report.drawings import painter

    painter.make_ready()
    decision = decided(task, evaluation, store)
    if remember:
        store.add([decision])
    bill = paid(task, evaluation, store=store)
    return Run(task, evaluation, decision, view_of(task, evaluation, decision, store, bill, search=search), bill)


def decided(task: Task, evaluation: Evaluation, store: Store) -> Decision:
    """What an evaluation says under the task's present needs; not remembered."""
    from merits.deciding.decide import decide

    return decide(evaluation, task.needs, test_looks=_looks(store, task, evaluation))


def paid(task: Task, evaluation: Evaluation, *, store: Store | str | Path | None = None) -> Bill:
    """What was ever paid for the questions of an evaluation, over all runs, under the task's present prices."""
    from merits.evaluating import bill_of

    with opened_store(store, task, write=False) as opened:
        return bill_of(evaluation, opened, prices_of(task))


def view_of(
    task: Task,
    evaluation: Evaluation,
    decision: Decision,
    store: Store,
    bill: Bill | None = None,
    *,
    search: Improvement | None = None,
) -> ReportView:
    from merits.media.embedding import Embedder
    from merits.media.finding import Media
    from merits.report.views import view

    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    examples = task.split(evaluation.split)
    bill = bill or paid(task, evaluation, store=store)
    return view(
        evaluation,
        decision,
        examples=examples,
        answers=store.answers,
        files=Embedder(Media.of(task)),
        perturbed=_perturbed(task, evaluation, store),
        scorers=task.scorers,
        made_at=made_at,
        bill=bill,
        search=search,
    )


def _perturbed(task: Task, evaluation: Evaluation, store: Store) -> Callable[[Example, Level], JSON]:
    """What was asked of an example under a perturbation, made again; None where the task has another one by now."""
    if not evaluation.levels:
        return lambda example, level: None
    from merits.evaluating.perturbing import asked_again

    return asked_again(task, evaluation.split, store)


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


def _looks(store: Store, task: Task, evaluation: Evaluation) -> int:
    """How many different sets of candidates were decided on with these test examples, this one included."""
    earlier = {frozenset(s.candidate_id for s in decision.standings) for decision in store.decisions(task.id)}
    return len(earlier | {frozenset(candidate.id for candidate in evaluation.candidates)})

"""Better and cheaper candidates out of those of a task, with an honest number at the end.

    done = improve(load_task("tickets.yaml"), budget="30 min, 5 USD")
    print(done.improvement.text)

What is tried, and how, is in `improving/`; `searching/` runs it on dev. Here the best of what was found meets the test
examples, once, by the same evaluation and the same decision as everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from merits.concluding import Run, concluded
from merits.core.candidate import Candidate
from merits.core.doors import Store
from merits.core.errors import TaskError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.improvement import Improvement
from merits.core.racing import Budget
from merits.core.task import Split, Task
from merits.evaluating import Plan as Asked
from merits.opening import finished, labelled, opened_store, place_of_store, prices_of
from merits.searching import Found, Plan, SearchBudget, Unwatched, Watching, improvement_of, search
from merits.searching import plan as planned
from merits.store import keep_search

__all__ = ["Improved", "improve", "plan_improvement"]


@dataclass(frozen=True)
class Improved:
    """What a search came to. `run` is the decision on test among the given candidates and the `finalists`.

    Given ones that were out of the search, for they were worse and no cheaper, are not asked there.

    Where nothing was found that was worth trying there, `run` is of the given candidates on dev, and decides nothing.
    """

    run: Run
    improvement: Improvement
    finalists: tuple[Candidate, ...]


def improve(
    task: Task,
    *,
    budget: str = "",
    techniques: Sequence[str] = (),
    params: Mapping[str, Mapping[str, JSON]] | None = None,
    store: Store | str | Path | None = None,
    watching: Watching | None = None,
    ask_first: Callable[[Asked], object] = lambda plan: None,
    confirm: Callable[[Plan], object] = lambda plan: None,
    finalists: int = 4,
) -> Improved:
    """Searches for better or cheaper candidates on dev, and puts the best of them to the test once.

    `budget` is the most that the search may take ("30 min, 5 USD"; none without), `techniques` which are tried (all
    that fit unless named), `params` their parameters by technique, beside those that the task names (`improve:`).
    `ask_first` is called with what the given candidates are to be asked about dev before they are, and `confirm` with
    the plan before the first trial; both may raise. At most so many `finalists` are asked the
    test examples. A search that was stopped goes on where it was: what is stored is not asked again. What it came to is
    kept beside the store, where that is a file, for `stored_run`.

    Raises UsageError for what must be changed, TaskError for a task without dev examples, and what `evaluate` raises.
    """
    check_task(task)
    limits = SearchBudget.of(budget) if budget else SearchBudget()
    with opened_store(store, task) as opened:
        found = search(
            task,
            store=opened,
            budget=limits,
            only=techniques,
            params=_together(task, params or {}),
            watching=watching or Unwatched(),
            ask_first=ask_first,
            confirm=confirm,
            n_finalists=finalists,
        )
        done = _concluded(task, found, opened, limits, watching or Unwatched())
    keep_search(done.improvement, place_of_store(store, task))
    return done


def plan_improvement(
    task: Task,
    *,
    budget: str = "",
    techniques: Sequence[str] = (),
    params: Mapping[str, Mapping[str, JSON]] | None = None,
    store: Store | str | Path | None = None,
    watching: Watching | None = None,
    ask_first: Callable[[Asked], object] = lambda plan: None,
) -> Plan:
    """What `improve` would try, in its order, and why not the rest. Asks nobody but the given candidates, on dev.

    `ask_first` is called with what these are to be asked before they are, and may raise.
    """
    check_task(task)
    limits = SearchBudget.of(budget) if budget else SearchBudget()
    with opened_store(store, task) as opened:
        return planned(
            task,
            store=opened,
            budget=limits,
            only=techniques,
            params=_together(task, params or {}),
            watching=watching or Unwatched(),
            ask_first=ask_first,
        )


def _together(task: Task, params: Mapping[str, Mapping[str, JSON]]) -> dict[str, dict[str, JSON]]:
    """The parameters that the task names, by technique, and over them those that are given."""
    return {name: {**task.improve.get(name, {}), **params.get(name, {})} for name in {*task.improve, *params}}


def check_task(task: Task) -> None:
    """Nothing where a task has something to search with; else a TaskError."""
    if not task.candidates:
        raise TaskError(f"{task.name!r} has no candidates to begin with.", "List some under `candidates:`.")
    if not task.split("dev"):
        raise TaskError(
            f"{task.name!r} has no dev examples, and a search may see no others.", "Give some examples the split dev."
        )


def _concluded(task: Task, found: Found, store: Store, limits: SearchBudget, watching: Watching) -> Improved:
    useful = {one.candidate.id for one in found.plan.given}
    given = tuple(one for one in task.candidates if one.id in useful or one.name == task.needs.incumbent)
    if not found.finalists:
        of_dev = _evaluated(task, given, "dev", store=store, budget=None, watching=watching)
        improvement = improvement_of(found, task, None)
        return Improved(concluded(task, of_dev, store, remember=False, search=improvement), improvement, ())
    wider = replace(task, candidates=(*given, *found.finalists))
    left = None
    if limits.amount is not None and found.spent is not None:
        left = Budget(max(limits.amount.amount - found.spent, 0.0), limits.amount.unit)
    watching.began("test")
    test = _evaluated(wider, wider.candidates, "test", store=store, budget=left, watching=watching)
    improvement = improvement_of(found, task, test)
    run = concluded(wider, test, store, remember=True, search=improvement)
    return Improved(run, improvement, found.finalists)


def _evaluated(
    task: Task,
    candidates: Sequence[Candidate],
    split: Split,
    *,
    store: Store,
    budget: Budget | None,
    watching: Watching,
) -> Evaluation:
    from merits.evaluating import evaluate

    found = finished(
        lambda: evaluate(
            task,
            candidates,
            split=split,
            store=store,
            progress=watching.progress(),
            table=prices_of(task),
            budget=budget,
        )
    )
    return labelled(task, found, store)

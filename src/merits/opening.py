"""What a task needs at hand before anything is done with it: its store, its prices, its candidates, its labels.

Everything above (`flow`, `concluding`, `imported`) opens them here; nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, LiveStore, Store
from merits.core.errors import TaskError
from merits.core.task import Split, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merits.core.evaluation import Evaluation
    from merits.core.identity import JSON
    from merits.core.live import Rollout
    from merits.core.racing import Racing, Schedule
    from merits.prices import PriceBook

__all__ = [
    "RUN_FIRST",
    "Candidates",
    "default_store",
    "finished",
    "labelled",
    "labels_foretold",
    "last_rollout",
    "opened_live",
    "opened_store",
    "place_of_live",
    "place_of_store",
    "prices_of",
    "raw_outputs",
    "recipes_of",
    "releases_folder",
    "repriced",
    "rollout_in_force",
    "schedule_of",
    "serves_since",
    "stored_evaluation",
    "whoever",
]

T = TypeVar("T")
RUN_FIRST = "Run it first: merits run (a run that was stopped goes on from there, and pays for nothing twice)"
Candidates: TypeAlias = "Sequence[object] | Mapping[str, object]"


@contextmanager
def opened_store(store: Store | str | Path | None, task: Task, *, write: bool = True) -> Iterator[Store]:
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


def place_of_live(live: str | Path | None, folder: str | Path) -> str | Path:
    """Where the memory of production is: as named, as MERITS_LIVE says, else `.merits/live.sqlite` in a folder.

    >>> place_of_live("postgresql://db/merits", ".")
    'postgresql://db/merits'
    """
    return live or os.environ.get("MERITS_LIVE") or Path(folder) / ".merits" / "live.sqlite"


@contextmanager
def opened_live(live: LiveStore | str | Path | None, task: Task, *, write: bool = True) -> Iterator[LiveStore]:
    """The memory of production, open while it is used; an open one stays open."""
    from merits.store import open_live

    if live is not None and not isinstance(live, str | Path):
        yield live
        return
    opened = open_live(place_of_live(live, task.folder), write=write)
    try:
        yield opened
    finally:
        opened.close()


def serves_since(rollouts: Sequence[Rollout], version: int) -> float:
    """When a release began to serve, the last time (UNIX seconds); 0 where it never did.

    >>> from merits.core.live import Rollout
    >>> line = [Rollout(task="t", at=float(at), champion=one) for at, one in enumerate((1, 1, 2, 1, 1))]
    >>> serves_since(line, 1), serves_since(line, 2)
    (3.0, 2.0)
    """
    since, before = 0.0, None
    for rollout in rollouts:
        if rollout.champion == version and before != version:
            since = rollout.at
        before = rollout.champion
    return since


def last_rollout(live: LiveStore, task: Task) -> Rollout | None:
    """The rollout that is in force; None before the first."""
    made = live.rollouts(task.name)
    return made[-1] if made else None


def rollout_in_force(live: LiveStore, task: Task) -> Rollout:
    """The rollout that is in force. TaskError before the first."""
    found = last_rollout(live, task)
    if found is None:
        raise TaskError(f"no release of {task.name!r} serves yet.", "Make one: merits release")
    return found


def whoever() -> str:
    """The name of who is logged in, by which rollouts and marks are signed; "" in a container without users."""
    import getpass

    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""


def releases_folder(task: Task) -> Path:
    """Where the releases of a task lie, each in a folder named by its version."""
    return Path(task.folder) / ".merits" / "releases" / task.name


def place_of_store(store: Store | str | Path | None, task: Task) -> str | Path:
    """Where the store lies that these arguments open; ":memory:" for an open one, of which that is not known.

    >>> from merits.core.task import Task
    >>> place_of_store("elsewhere.sqlite", Task(name="t", kind="generation", examples=(), scorers=()))
    'elsewhere.sqlite'
    """
    if store is None:
        return default_store(task)
    return store if isinstance(store, str | Path) else ":memory:"


def prices_of(task: Task) -> PriceBook:
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


def recipes_of(task: Task, candidates: Candidates | None) -> tuple[Candidate, ...]:
    if candidates is None:
        if not task.candidates:
            raise TaskError(f"{task.name!r} has no candidates.", "List some under `candidates:`, or pass them.")
        return task.candidates
    from merits.candidates.objects import as_candidate  # what it knows of learners is slow to import
    from merits.tasks.recipes import completed

    if isinstance(candidates, Mapping):
        recipes = [as_candidate(thing, name=name) for name, thing in candidates.items()]
    else:
        recipes = [as_candidate(thing) for thing in candidates]
    return tuple(completed(recipe, task.needs, task.machine_per_hour) for recipe in recipes)


def schedule_of(task: Task, race: Racing | None) -> Schedule | None:
    if race is None:
        return None
    from merits.deciding.racing import schedule

    return schedule(race, task.needs, seed=task.settings.seed)


def raw_outputs(task: Task, evaluation: Evaluation, k: int, store: Store | str | Path | None = None) -> dict[str, JSON]:
    """What candidate k said to each example, by its id, as far as it is stored; of repeats, the first."""
    examples = task.split(evaluation.split)
    with opened_store(store, task, write=False) as opened:
        answers = opened.answers(evaluation.versions[k], {AnswerKey(example.input_hash) for example in examples})
    said = ((example.id, answers.get(AnswerKey(example.input_hash))) for example in examples)
    return {name: answer.output for name, answer in said if answer is not None and answer.failure is None}


def labelled(task: Task, evaluation: Evaluation, store: Store) -> Evaluation:
    """The evaluation with what people said of its answers, where the task names such labels."""
    if not task.human_labels:
        return evaluation
    from merits.evaluating.labelled import said_in, with_labels
    from merits.tasks.human import read_labels

    table = read_labels(task.human_labels, Path(task.folder))
    known = [example.id for example in task.examples]
    return with_labels(
        evaluation, table.said, known=known, answers=said_in(evaluation, store), n_blank=len(table.blank)
    )


def labels_foretold(task: Task, split: Split) -> tuple[str, ...]:
    """What labels of people will do for the decision, where a model judges or there are some."""
    from merits.core.judge import LabelTable
    from merits.evaluating.labels_ahead import labels_ahead
    from merits.evaluating.rows import Rows
    from merits.scorers.registry import judge_of
    from merits.tasks.human import read_labels

    if not task.human_labels and not (task.scorers and judge_of(task.scorers[0])):
        return ()
    table = read_labels(task.human_labels, Path(task.folder)) if task.human_labels else LabelTable()
    rows = Rows.of(task.split(split), repeats=task.settings.repeats)
    return tuple(labels_ahead(table, rows, [candidate.name for candidate in task.candidates]).sentences())


def repriced(task: Task, evaluation: Evaluation, store: Store) -> Evaluation:
    """The evaluation at the present prices of candidates and judges."""
    from merits.evaluating import reprice
    from merits.scorers.registry import judge_of

    judges = [recipe for spec in task.scorers if (recipe := judge_of(spec)) is not None] if evaluation.judged else []
    return reprice(evaluation, task.candidates, prices_of(task), store=store, judges=judges)


def stored_evaluation(task: Task, *, store: Store | str | Path | None = None) -> Evaluation:
    """The latest test evaluation that is stored, under the task's present prices. Asks nothing."""
    with opened_store(store, task, write=False) as opened:
        evaluation = opened.evaluation(task.id, "test")
        if evaluation is None:
            raise TaskError(f"nothing is stored for {task.name!r} as it is now.", RUN_FIRST)
        return labelled(task, repriced(task, evaluation, opened), opened)


def finished(start: Callable[[], Coroutine[object, object, T]]) -> T:
    """The result of a coroutine, in a thread of its own when an event loop is running here already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    with ThreadPoolExecutor(1, "merits-flow") as thread:
        return thread.submit(lambda: asyncio.run(start())).result()

"""Results of other tools, brought into a task's store, so that a team can decide on what it has paid for already.

    done = import_results(["large.eval", "small.eval"])
    print(done.run.decision)

What can be read, and how, is in `evaluating/importing/`; here it meets a task: the examples are matched, the answers
and the outcomes are stored, and the decision is made as of any other evaluation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merits.concluding import Run, concluded
from merits.core.doors import Store
from merits.core.errors import MeritsError, UsageError
from merits.core.task import Task
from merits.evaluating import reprice
from merits.evaluating.importing import Found, Reading, read_rows
from merits.evaluating.importing.answers import answers_of
from merits.evaluating.importing.earlier import as_found, earlier, same_outcomes
from merits.evaluating.importing.joining import joined
from merits.evaluating.importing.matching import matched
from merits.evaluating.importing.merging import after, merged, renamed
from merits.opening import opened_store, prices_of

__all__ = ["Import", "import_results"]

Files = Sequence["str | Path"] | Mapping[str, "str | Path"]


@dataclass(frozen=True)
class Import:
    """What an import came to: the decision on all that is imported, and the task that it belongs to.

    `drafted` is whether the task file was written, `changed` whether anything was stored that was not before. `notes`
    say what a reader must know: what is unknown, and what was left out.
    """

    run: Run
    task_file: Path
    drafted: bool
    changed: bool
    notes: tuple[str, ...]


def import_results(
    files: str | Path | Files,
    *,
    task: str | Path = "merits.yaml",
    name: str = "",
    metric: str = "",
    solved_at: float | None = None,
    as_repeats: bool = False,
    store: Store | str | Path | None = None,
) -> Import:
    """The decision on the results in files of other tools, which are now in the task's store.

    A mapping names the one candidate of each file. A task file that is not there is drafted, called `name`; one that
    is there must have the examples of the results. What was imported before for this task is decided on together with
    it; to import a file again changes nothing. Two outcomes of one candidate on one example that differ are an error,
    or repeats with `as_repeats`. `metric` names the score that is read (a file's first, unless given), `solved_at` from
    which score on a case is solved, where the tool does not say so itself.

    Raises DataError, with file and place, for what cannot be read or contradicts itself, and whatever loading the
    task and opening the store raise.

        merits.import_results({"before": "main.eval", "after": "branch.eval"}).run.decision
    """
    found = merged(_read(files, Reading(metric, solved_at)), as_repeats=as_repeats)
    found.evaluation()  # raises for what does not hold together, before anything is written
    path = Path(task)
    loaded, drafted = _loaded(path, found, name)
    with opened_store(store, loaded) as opened:
        before = earlier(loaded, opened)
        own = matched(found, loaded)
        if before:
            own = after(as_found(before), own) if as_repeats else own
        together = merged([as_found(before), own]) if before else own
        evaluation, notes = joined(together, loaded)
        changed = before is None or not same_outcomes(before, evaluation)
        if changed:
            answers = answers_of(own, loaded, together)
            opened.add([*evaluation.candidates, *answers, evaluation])
        priced = reprice(evaluation, loaded.candidates, prices_of(loaded))
        run = concluded(loaded, priced, opened, remember=changed)
    return Import(run, path, drafted, changed, notes)


def _read(files: str | Path | Files, reading: Reading) -> list[Found]:
    if isinstance(files, Mapping):
        return [_with_inputs(renamed(read_rows(path, reading), name)) for name, path in files.items()]
    paths = [files] if isinstance(files, str | Path) else list(files)
    if not paths:
        raise UsageError("no file is named.", "Name files with results: merits import FILE")
    return [_with_inputs(read_rows(path, reading)) for path in paths]


def _with_inputs(found: Found) -> Found:
    """An empty input is none: no question was recorded."""
    rows = [dataclasses.replace(row, input=None) if row.input in ("", [], {}) else row for row in found.rows]
    return dataclasses.replace(found, rows=rows)


def _loaded(path: Path, found: Found, name: str) -> tuple[Task, bool]:
    """The task of a file, and whether the file had to be drafted; a draft that cannot be loaded is not left behind."""
    from merits.tasks.file import load_task

    if path.exists():
        task = load_task(path)
        if name and task.name != name:
            raise UsageError(f"{path} is the task {task.name!r}, not {name!r}.", f"Name another: --task {name}.yaml")
        return task, False
    data = _draft(path, found, name)
    try:
        return load_task(path), True
    except MeritsError:
        path.unlink()
        data.unlink()
        raise


def _draft(path: Path, found: Found, name: str) -> Path:
    from merits.tasks.imported_draft import Case, draft_imported, task_name

    source = found.source
    cases: dict[str, Case] = {}
    for row in found.rows:
        known = cases.get(row.example)
        if known is None or (known.input is None and row.input is not None):
            cases[row.example] = Case(row.example, row.input, row.target, row.tags)
    return draft_imported(
        path,
        task_name(name or source.task),
        [case if case.input is not None else dataclasses.replace(case, input=case.id) for case in cases.values()],
        list(dict.fromkeys(row.candidate for row in found.rows)),
        said=f"Results of {source.tool}, imported from {source.file}.",
        scores=f"{source.tool} ({source.metric})",
        repeats=1 + max(row.repeat for row in found.rows),
    )

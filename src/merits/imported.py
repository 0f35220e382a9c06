"""Results of other tools, brought into a task's store, so that a team can decide on what it has paid for already.

    done = import_results(["large.eval", "small.eval"])
    print(done.run.decision)

What can be read, and how, is in `evaluating/importing/`; here it meets a task: the examples are matched, the answers
and the outcomes are stored, and the decision is made as of any other evaluation.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merits import flow
from merits.candidates.imported import KIND, version_of
from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.candidate import Candidate
from merits.core.clusters import units_of
from merits.core.doors import AnswerKey, Record, Store, StoredAnswer
from merits.core.errors import DataError, MeritsError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status
from merits.core.secrets import shown
from merits.core.task import Example, Task
from merits.evaluating import reprice
from merits.evaluating.importing import Found, Imported, Reading, Source, read_rows
from merits.evaluating.importing.merging import merged, renamed
from merits.evaluating.importing.outcomes import evaluation_of

if TYPE_CHECKING:
    from merits.flow import Run

__all__ = ["Import", "import_results"]

Files = Sequence["str | Path"] | Mapping[str, "str | Path"]
_FROM = "imported from"
_LONGEST = 500  # characters of a failure's message that are kept


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
    with flow._opened(store, loaded) as opened:
        earlier = _earlier(loaded, opened)
        matched = _matched(found, loaded)
        together = merged([_as_found(earlier), matched]) if earlier else matched
        evaluation, notes = _evaluation(together, loaded)
        changed = earlier is None or not _same(earlier, evaluation)
        if changed:
            answers = _answers(matched, loaded)
            opened.add([*evaluation.candidates, *answers, evaluation])
        priced = reprice(evaluation, loaded.candidates, flow._prices(loaded))
        run = flow._concluded(loaded, priced, opened, remember=changed)
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


def _earlier(task: Task, store: Store) -> Evaluation | None:
    """What was imported for this task before; None when nothing was."""
    for run in reversed(store.runs()):
        if run.task == task.id and run.split == "test":
            evaluation = store.run(run.number)
            if evaluation is not None and _FROM in evaluation.facts:
                return evaluation
    return None


def _as_found(evaluation: Evaluation) -> Found:
    """The outcomes of an evaluation that was imported, row by row again."""
    facts = dict(evaluation.facts)
    solved, tool = facts.pop("solved means", ""), facts.pop("tool", "")
    told = facts.pop("measure", "") != "score"
    file = facts.pop(_FROM)
    rows = [
        row for k in range(len(evaluation.names)) for i in range(evaluation.n_rows) if (row := _row(evaluation, k, i))
    ]
    source = Source(file, tool, evaluation.task_name, evaluation.scorer, solved, told, facts)
    return Found(rows, source, evaluation.currency)


def _row(evaluation: Evaluation, k: int, i: int) -> Imported:
    status = Status(int(evaluation.status[k, i]))
    timed = evaluation.untimed is None or not evaluation.untimed[k, i]
    tokens = {kind: int(counts[k, i]) for kind, counts in evaluation.tokens.items()}
    metered = any(counts[k].any() for counts in evaluation.tokens.values())
    return Imported(
        candidate=str(evaluation.candidates[k].params.get("candidate")),
        example=str(evaluation.examples[i]),
        place="an earlier import",
        status=status,
        value=float(evaluation.value[k, i]),
        solved=bool(evaluation.solved[k, i]),
        repeat=int(evaluation.repeats[i]),
        input_hash=str(evaluation.input_hashes[i]),
        cost=float(evaluation.cost[k, i]) if evaluation.priced[k] else None,
        latency_s=float(evaluation.latency_s[k, i]) if timed else None,
        usage=Usage(**{f"{kind}_tokens": n for kind, n in tokens.items()}) if metered else None,  # type: ignore[arg-type]
    )


def _matched(found: Found, task: Task) -> Found:
    """The outcomes under the ids and hashes of the task's own test examples. Raises DataError for one it has not."""
    examples = task.split("test")
    by_id = {example.id: example for example in examples}
    by_input: dict[str, list[Example]] = {}
    for each in examples:
        by_input.setdefault(content_hash(each.input), []).append(each)
    rows = []
    for row in found.rows:
        example: Example | None = _example(row, by_id, by_input)
        if example is None:
            raise DataError(
                f"{row.place}: example {row.example!r} is none of the {len(by_id):,} test examples of {task.name!r}.",
                "Import it as a task of its own: --task OTHER.yaml",
            )
        rows.append(dataclasses.replace(row, example=example.id, input_hash=example.input_hash))
    return dataclasses.replace(found, rows=rows)


def _example(row: Imported, by_id: Mapping[str, Example], by_input: Mapping[str, list[Example]]) -> Example | None:
    """The one of this id, whose input was part of what was asked; else the only one of this input."""
    example = by_id.get(row.example)
    if example is not None and (row.input is None or _asks(row.input, example.input)):
        return example
    alike = by_input.get(content_hash(row.input), ()) if row.input is not None else ()
    if len(alike) == 1:
        return alike[0]
    if example is None:
        return None
    raise DataError(
        f"{row.place}: example {row.example!r} has another input there than in the task.",
        "Give different examples different ids, or import it as a task of its own: --task OTHER.yaml",
    )


def _asks(asked: JSON, input: JSON) -> bool:
    """Whether an input is what was asked, or stands in it (in a prompt, in a message)."""
    return content_hash(asked) == content_hash(input) or (
        isinstance(input, str) and any(input in text for text in _texts(asked))
    )


def _texts(value: JSON) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)


def _evaluation(found: Found, task: Task) -> tuple[Evaluation, tuple[str, ...]]:
    """The evaluation, with the task's examples and the tool's costs, and what must be said of it."""
    asked = task.split("test")
    place = {example.id: number for number, example in enumerate(asked)}
    rows = sorted(found.rows, key=lambda row: (place[row.example], row.repeat))
    names = list(dict.fromkeys(row.candidate for row in found.rows))
    rows.sort(key=lambda row: names.index(row.candidate))
    rows = _by_example(rows, place, names)
    made = evaluation_of(rows, found.source, found.currency)
    examples = [asked[place[example]] for example in made.examples.tolist()]
    hashes = [example.input_hash for example in examples]
    candidates = tuple(_candidate(name, task) for name in made.names)
    own = dataclasses.replace(
        made,
        task=task.id,
        task_name=task.name,
        candidates=candidates,
        versions=tuple(map(version_of, candidates)),
        input_hashes=np.array(hashes, dtype=np.str_),
        group=np.array(units_of(hashes, [example.group for example in examples]), np.int32),
        tags={tag: np.array([e.tags.get(tag, "") for e in examples], dtype=np.str_) for tag in task.tag_names},
    )
    notes: list[str] = []
    if own.currency != task.needs.currency:
        notes.append(f"Costs in {own.currency} were left out: the needs are in {task.needs.currency}.")
        own = dataclasses.replace(
            own, cost=np.zeros_like(own.cost), priced=np.zeros_like(own.priced), currency=task.needs.currency
        )
    return own, (*notes, *_unknown(own, len(place)))


def _by_example(rows: Sequence[Imported], place: Mapping[str, int], names: Sequence[str]) -> list[Imported]:
    """Sorted by candidate first, so that candidates keep their order, with every key of the first candidate's rows.

    Rows of the evaluation are in the order in which keys are first seen: a candidate that lacks some is given them as
    missing.
    """
    keys = sorted({(row.example, row.repeat) for row in rows}, key=lambda key: (place[key[0]], key[1]))
    there = {(row.candidate, row.example, row.repeat): row for row in rows}
    first = names[0]
    filled = [
        there.get((first, example, repeat), Imported(first, example, "", Status.MISSING, repeat=repeat))
        for example, repeat in keys
    ]
    return [*filled, *(row for row in rows if row.candidate != first)]


def _candidate(name: str, task: Task) -> Candidate:
    for candidate in task.candidates:
        if candidate.kind == KIND and candidate.params.get("candidate") == name:
            return candidate
    return Candidate(name=name, kind=KIND, params={"candidate": name, "task": task.name})


def _unknown(evaluation: Evaluation, n_examples: int) -> list[str]:
    """What the files do not say, by candidate."""
    notes = []
    n = len(set(evaluation.examples.tolist()))
    if n < n_examples:
        notes.append(f"The files have {n:,} of the {n_examples:,} test examples of the task.")
    for k, name in enumerate(evaluation.names):
        metered = any(counts[k].any() for counts in evaluation.tokens.values())
        known = {
            "costs": bool(evaluation.priced[k]),
            "latency": evaluation.untimed is None or not evaluation.untimed[k].any(),
            "tokens": metered,
        }
        unknown = [what for what, there in known.items() if not there]
        if unknown:
            notes.append(f"{name}: {_listed(unknown)} not recorded for every answer, and so unknown.")
    for what, text in evaluation.facts.items():
        if what.startswith("status"):
            notes.append(f"{what.removeprefix('status of ')}: {text}.")
    return notes


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _same(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations hold the same outcomes of the same candidates, whatever the prices."""
    arrays = ("examples", "repeats", "status", "value", "solved", "latency_s")
    return (
        [c.id for c in one.candidates] == [c.id for c in other.candidates]
        and one.tokens.keys() == other.tokens.keys()
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and all(np.array_equal(counts, other.tokens[kind]) for kind, counts in one.tokens.items())
    )


def _answers(found: Found, task: Task) -> list[Record]:
    """What was said, as answers that are stored; not where one input has two answers, which would stand for each other.

    A case of which the tool kept no answer has none in the store either.
    """
    now = time.time()
    by_key: dict[tuple[str, AnswerKey], list[Answer]] = {}
    for row in found.rows:
        if row.status == Status.MISSING or (row.output is None and row.status != Status.FAILED):
            continue
        version = version_of(_candidate(row.candidate, task))
        by_key.setdefault((version, AnswerKey(row.input_hash, row.repeat)), []).append(_answer(row))
    return [
        StoredAnswer(version, key, answers[0], now)
        for (version, key), answers in by_key.items()
        if all(answer.output == answers[0].output for answer in answers)
    ]


def _answer(row: Imported) -> Answer:
    if row.status == Status.FAILED:
        failure = Failure(_kind(row.error), shown(row.error, _LONGEST))
        return Answer(failure=failure, usage=row.usage or NO_USAGE)
    usage = Usage(unmetered=1) if row.usage is None else row.usage
    return Answer(output=row.output, usage=usage, latency_s=row.latency_s or 0.0, untimed=row.latency_s is None)


_KINDS: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (
    ("rate_limited", ("429", "rate limit", "ratelimit")),
    ("timeout", ("timeout", "timed out")),
    ("unauthorised", ("401", "403", "api key", "unauthor")),
    ("server_error", ("500", "502", "503", "504", "529", "internal server", "overloaded")),
    ("connection", ("connection", "econnreset", "network")),
    ("bad_request", ("400", "bad request", "badrequest")),
)


def _kind(error: str) -> FailureKind:
    """The kind of a failure by the words of its message: tools record no kinds."""
    said = error.lower()
    return next((kind for kind, words in _KINDS if any(word in said for word in words)), "raised")

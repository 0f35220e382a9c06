"""The evaluation of a task that imported outcomes make, and what a reader must know of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from merits.candidates.imported import KIND, version_of
from merits.core.candidate import Candidate
from merits.core.clusters import units_of
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Task
from merits.evaluating.importing.outcomes import Found, Imported, evaluation_of

__all__ = ["imported_candidate", "joined"]


def joined(found: Found, task: Task) -> tuple[Evaluation, tuple[str, ...]]:
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
    candidates = tuple(imported_candidate(name, task) for name in made.names)
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


def imported_candidate(name: str, task: Task) -> Candidate:
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

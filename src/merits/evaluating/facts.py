"""The facts of how an evaluation was run, for its report: versions, seeds, hashes, and what befell each candidate."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version as version_of
from itertools import islice

import numpy as np

from merits.core.doors import Signed, Store, Trainable
from merits.core.identity import hash_of_rows
from merits.core.on_demand import outlines
from merits.core.task import Split, Task
from merits.evaluating.columns import Columns
from merits.evaluating.contenders import Contender
from merits.evaluating.rows import Rows
from merits.evaluating.scoring import Judge
from merits.evaluating.tally import Tally

__all__ = ["GIVEN_UP", "facts_of_run", "kept_facts"]

_LOOKED_AT = 8  # former evaluations
GIVEN_UP = "given up on "  # how the fact begins that says why a candidate was not asked everything


def facts_of_run(
    *,
    task: Task,
    rows: Rows,
    columns: Columns,
    judge: Judge,
    contenders: Sequence[Contender],
    tally: Tally,
    started: float,
    ended: float,
) -> dict[str, str]:
    """How it was run, in words by name, in the order in which they are shown. Times are seconds since 1970."""
    facts = {
        "merits": version_of("merits"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(started)),
        "seconds": f"{ended - started:.1f}",
        "seed": str(task.settings.seed),
        "repeats": str(task.settings.repeats),
        "data hash": hash_of_rows(
            (e.id, e.input_hash, e.target) for e in islice(outlines(rows.examples), rows.n_clean)
        ),
        "asked": str(tally.n_asked),
        "taken from the store": str(tally.n_stored),
    }
    facts |= _perturbed(rows, tally.unmade)
    n_folds = max(len(each.lessons) for each in contenders)
    if n_folds > 1:
        facts["cross-validation"] = f"{n_folds} folds"
    for each in contenders:
        facts |= _of_candidate(each, columns, tally)
    return facts | _unscored(judge) | _signatures(rows, judge)


def _of_candidate(each: Contender, columns: Columns, tally: Tally) -> dict[str, str]:
    name, index = each.candidate.name, each.index
    facts = {}
    if tally.asked[index]:
        facts[f"asked of {name}"] = f"{tally.asked[index]} in {tally.seconds[index]:.1f} s"
    if tally.collected.get(index):
        facts[f"batches of {name}"] = ", ".join(tally.collected[index])
    failures = columns.failures(index)
    if failures:
        first = columns.first_failure[index]
        facts[f"failures of {name}"] = "; ".join(f"{n} {kind} ({first[kind]})" for kind, n in failures.items())
    if index in tally.given_up:
        facts[f"{GIVEN_UP}{name}"] = tally.given_up[index]
    if index in tally.taught:
        facts[f"training of {name}"] = f"{tally.taught[index]:,} tokens, paid beside those of its answers"
    if size := getattr(each.model, "size_bytes", None):
        facts[f"size of {name}"] = f"{size / 1e6:,.3g} MB on disk"
    if memory := getattr(each.model, "memory", None):
        facts[f"memory of {name}"] = str(memory)
    if changes := columns.served[index].changes():
        facts[f"not always the same behind {name}"] = changes
    return facts


def kept_facts(
    facts: Mapping[str, str], contenders: Sequence[Contender], store: Store, task: str, split: Split
) -> dict[str, str]:
    """What candidates take on disk and in memory, of those that were not trained this time, for nothing was asked.

    From the latest evaluation with the same version in which they were. A few are looked at, the latest first.
    """
    lacking = {
        each.candidate.name: each.version
        for each in contenders
        if isinstance(each.model, Trainable) and f"size of {each.candidate.name}" not in facts
    }
    found: dict[str, str] = {}
    if not lacking:
        return found
    runs = [run for run in store.runs() if (run.task, run.split) == (task, split) and {*run.candidates} & {*lacking}]
    for run in runs[: -1 - _LOOKED_AT : -1]:
        before = store.run(run.number)
        versions = {} if before is None else dict(zip(before.names, before.versions, strict=True))
        for name in [name for name, version in lacking.items() if versions.get(name) == version]:
            told = {fact: before.facts[fact] for fact in _of_model(name) if before and fact in before.facts}
            found |= told
            if told:
                del lacking[name]
        if not lacking:
            break
    return found


def _of_model(name: str) -> tuple[str, str]:
    return f"size of {name}", f"memory of {name}"


def _perturbed(rows: Rows, unmade: Mapping[int, str]) -> dict[str, str]:
    if not rows.levels:
        return {}
    facts = {"perturbed": f"{len(rows) - rows.n_clean:,} rows: {', '.join(level.id for level in rows.levels)}"}
    if unmade:
        facts["could not be perturbed"] = f"{len(unmade):,} questions, asked of nobody ({next(iter(unmade.values()))})"
    return facts


def _unscored(judge: Judge) -> dict[str, str]:
    facts = {}
    if judge.unscored:
        commonest = judge.unscored.most_common(3)
        why = [f"{n}, {reason.rstrip('.')}" for reason, n in commonest]
        more = judge.unscored.total() - sum(n for _, n in commonest)
        facts["unscored"] = "; ".join([*why, *([f"{more} for other reasons"] if more else [])])
    for name, reason in judge.left_out.items():
        facts[f"scorer {name} left out"] = reason
    return facts


def _signatures(rows: Rows, judge: Judge) -> dict[str, str]:
    """What others must know to repeat a figure, where the field has a notation for it."""
    signed = [(name, scorer) for name, scorer in judge.scorers if isinstance(scorer, Signed)]
    targets = [one.target for one in outlines(rows.examples)] if signed else []
    return {f"signature of {name}": scorer.signature(targets) for name, scorer in signed}

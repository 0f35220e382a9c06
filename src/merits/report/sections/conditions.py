"""How it was run: what a reader needs to run it again, and what went wrong on the way."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from merits.core.doors import AnswerKey
from merits.report.plain import one_line
from merits.report.sections.examples import Answers
from merits.report.sections.subject import Subject

__all__ = ["ConditionsSection", "ErrorRow", "Recipe", "conditions_section"]

_MOST_FAILURES = 500  # read per candidate, to name their kinds
_MOST_KINDS = 4


class Recipe(msgspec.Struct, frozen=True):
    """What exactly answered: the candidate's recipe, its id, and the version its answers are stored under."""

    name: str
    kind: str
    params: str
    id: str
    version: str


class ErrorRow(msgspec.Struct, frozen=True):
    """How often a candidate could not be asked for one reason. `n_read` is of how many failures the kind was read."""

    candidate: str
    kind: str
    n: int
    n_read: int
    message: str


class ConditionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the run by name, the recipes, and the errors by kind."""

    facts: dict[str, str]
    recipes: tuple[Recipe, ...]
    errors: tuple[ErrorRow, ...]


def conditions_section(subject: Subject, answers: Answers) -> ConditionsSection:
    """The facts of the evaluation, and those of the decision."""
    evaluation, decision = subject.evaluation, subject.decision
    facts = {
        "task": f"{decision.task_name} ({evaluation.kind}), id {decision.task}",
        "examples": f"{decision.n_examples:,} of the {decision.split} split",
        "scorer": evaluation.scorer,
        "confidence": f"{100 * decision.level:g} %",
        "candidates compared": str(decision.n_compared),
        "decisions on these examples, this one included": str(decision.test_looks),
        "decision": decision.id,
        **evaluation.facts,
    }
    recipes = tuple(
        Recipe(c.name, c.kind, one_line(dict(c.params), 300), c.id, version)
        for c, version in zip(evaluation.candidates, evaluation.versions, strict=True)
    )
    return ConditionsSection(
        facts={one_line(key, 60): one_line(value, 400) for key, value in facts.items() if value and value != "0"},
        recipes=recipes,
        errors=tuple(row for k in subject.order for row in _errors(subject, k, answers)),
    )


def _errors(subject: Subject, k: int, answers: Answers) -> list[ErrorRow]:
    evaluation = subject.evaluation
    failed = np.flatnonzero(evaluation.failed[k])
    read = failed[:_MOST_FAILURES]
    if not len(read):
        return []
    asked_as = evaluation.asked_as
    keys = [
        AnswerKey(str(evaluation.input_hashes[row]), int(evaluation.repeats[row]), str(asked_as[row])) for row in read
    ]
    found = answers(evaluation.versions[k], keys)
    failures = [answer.failure for key in keys if (answer := found.get(key)) and answer.failure]
    counts: Counter[str] = Counter(failure.kind for failure in failures)
    messages: dict[str, str] = {failure.kind: one_line(failure.message, 200) for failure in reversed(failures)}
    name, n_read = subject.name(k), len(read)
    if not counts:
        return [ErrorRow(name, "failed", len(failed), n_read, "")]
    return [ErrorRow(name, kind, n, n_read, messages[kind]) for kind, n in counts.most_common(_MOST_KINDS)]

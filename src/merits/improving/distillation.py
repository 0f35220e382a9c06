"""The expensive model teaches the cheap one: students that learn from what the best candidate says.

Knows nothing about how a student is trained; see the kind `distilled`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.kinds import task_kind
from merits.core.validate import did_you_mean
from merits.improving.learning import (
    Floats,
    against,
    cost_of,
    held,
    learners,
    quality,
    reading,
    values_of,
    with_findings,
)
from merits.improving.registry import Effort
from merits.improving.searching.objectives import of_a_candidate, shortfalls

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "asks"
TITLE = "Distillation: the expensive model teaches the cheap one"

_TAUGHT = frozenset({"label", "number", "text", "record"})  # what students are taught to say
_USUAL = {"text": "text-linear", "columns": "text-linear", "picture": "image-cnn"}  # who is taught where no seed is


class Params(Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Students that learn from what the best candidate says."""

    teacher: Annotated[str, Meta(description="Who teaches. Default: the best candidate on dev.")] = ""
    students: Annotated[
        tuple[str, ...],
        Meta(description="Who is taught. Default: the candidates that are trained here, and a usual cheap one."),
    ] = ()
    unlabelled: Annotated[
        str, Meta(description="A file of further inputs that the teacher labels: .txt, .csv, .tsv or .jsonl.")
    ] = ""
    column: Annotated[str, Meta(description="Its column with the input, if it has no usual name.")] = ""
    temperatures: Annotated[
        tuple[Annotated[float, Meta(ge=0.1, le=20)], ...],
        Meta(min_length=1, max_length=5, description="How much the teacher's probabilities are softened, each tried."),
    ] = (1.0,)
    truth: Annotated[
        float, Meta(ge=0, le=1, description="Share of the right answer in what is learned of an example of dev.")
    ] = 0.5
    margin: Annotated[
        float, Meta(ge=0, le=0.5, description="How much worse than its teacher a student may be, as a share of cases.")
    ] = 0.01
    keep: Annotated[int, Meta(ge=1, description="The most students that are kept.")] = 2


def make(params: Params) -> Improver:
    """The improver: one round of students, each beside itself without a teacher.

    Kept are those that do better than the same student without a teacher, and may take their teacher's place: they are
    not worse than it by the margin, or are certainly worth more after costs, or the teacher misses what is required (it
    is too dear, too slow), and they are certainly better than without it. It raises UsageError for a name that no
    candidate has.
    """

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        teacher = _teacher(params, brief)
        students = _students(params, brief, teacher)
        if not students:
            return []
        taught = [
            _taught(teacher, student, temperature, params) for student in students for temperature in _all(params)
        ]
        known = {seed.id for seed in brief.seeds}
        alone = [student for student in students if student.id not in known]
        evaluation = yield Trials((*alone, *taught))
        return _kept(params, brief, teacher, taught, evaluation)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why nobody can be taught here, and what could be done; "" where somebody can."""
    wanted = task_kind(brief.task.kind).target
    if wanted not in _TAUGHT:
        return f"Students learn labels, numbers and texts, and a {brief.task.kind} wants something else ({wanted})."
    params = params or Params()
    teacher = _teacher(params, brief)
    if not held(brief.evaluation, brief.seeds.index(teacher)):
        return "No candidate answered anything on dev, so there is nobody to learn from."
    if not _students(params, brief, teacher):
        return (
            f"Nobody can be taught by {teacher.name}: no other candidate is trained here. "
            "Name one, such as text-linear, embeddings-linear or sklearn."
        )
    return ""


def _all(params: Params) -> tuple[float, ...]:
    return tuple(dict.fromkeys(params.temperatures))


def _best(brief: Brief) -> Candidate:
    """The best on dev; of equally good ones the first."""
    scores = [quality(brief.evaluation, number) for number in range(len(brief.seeds))]
    return brief.seeds[int(np.argmax(scores))]


def _teacher(params: Params, brief: Brief) -> Candidate:
    return _named(params.teacher, brief, "teacher") if params.teacher else _best(brief)


def _named(name: str, brief: Brief, role: str) -> Candidate:
    found = next((seed for seed in brief.seeds if seed.name == name), None)
    if found is None:
        names = [seed.name for seed in brief.seeds]
        raise UsageError(
            f"distillation: no candidate {name!r} is there to be the {role}.",
            did_you_mean(name, names) or f"Name one of {', '.join(names)}.",
        )
    return found


def _students(params: Params, brief: Brief, teacher: Candidate) -> list[Candidate]:
    """Who is taught: those that are named, else all that are trained here and a usual one; not the teacher itself."""
    if params.students:
        return [_named(name, brief, "student") for name in params.students if name != teacher.name]
    found = [seed for seed in learners(brief) if seed.id != teacher.id]
    wanted = task_kind(brief.task.kind).target
    usual = next((_USUAL[one] for one in reading(brief) if one in _USUAL), None)
    if usual is not None and wanted == "label":
        cheap = Candidate(name=_free(usual, brief), kind=usual)
        if all(cheap.id != one.id for one in (*found, teacher)):
            found.append(cheap)
    return found


def _free(name: str, brief: Brief) -> str:
    """The name, or one like it that no candidate has."""
    taken = {seed.name for seed in brief.seeds}
    return next(one for n in range(1, len(taken) + 3) if (one := name if n == 1 else f"{name} {n}") not in taken)


def _taught(teacher: Candidate, student: Candidate, temperature: float, params: Params) -> Candidate:
    given: dict[str, JSON] = {"truth": params.truth}
    if temperature != 1.0:
        given["temperature"] = temperature
    if params.unlabelled:
        given["unlabelled"] = params.unlabelled
        if params.column:
            given["column"] = params.column
    at = "" if temperature == 1.0 else f" at {temperature:g}"
    return Candidate(
        name=f"{student.name} taught by {teacher.name}{at}",
        kind="distilled",
        params=given,
        parts=(teacher, student),
        price=student.price,
    )


def _kept(
    params: Params,
    brief: Brief,
    teacher: Candidate,
    taught: Sequence[Candidate],
    evaluation: Evaluation,
) -> list[Candidate]:
    """The students that may take the teacher's place, the best first."""
    known = {seed.id: values_of(brief.evaluation, n) for n, seed in enumerate(brief.seeds)}
    known |= {one.id: values_of(evaluation, n) for n, one in enumerate(evaluation.candidates)}
    teaching = known[teacher.id]
    unusable = _misses_a_bar(brief, brief.seeds.index(teacher))
    found: list[tuple[float, Candidate]] = []
    for candidate in taught:
        number = evaluation.index(candidate.name)
        values = known[candidate.id]
        alone = known[candidate.parts[1].id]
        to_teacher = against(values, teaching, brief.evaluation)
        to_alone = against(values, alone, brief.evaluation)
        worthy = to_teacher.low is not None and to_teacher.low >= -params.margin
        more = _worth_more(brief, evaluation, number, brief.seeds.index(teacher))
        instead = unusable and to_alone.low is not None and to_alone.low > 0.0
        if held(evaluation, number) and values.mean() > alone.mean() and (worthy or more or instead):
            told = [("against its teacher on dev", to_teacher), ("against the same without a teacher on dev", to_alone)]
            found.append((float(values.mean()), with_findings(candidate, told)))
    found.sort(key=lambda pair: -pair[0])
    return [candidate for _, candidate in found[: params.keep]]


def _misses_a_bar(brief: Brief, seed: int) -> bool:
    """Whether a seed misses, as it looks, what the Needs require, so that nobody could use it."""
    return any(gap > 0.0 for gap in shortfalls(of_a_candidate(brief.evaluation, seed), brief.task.needs).values())


def _worth_more(brief: Brief, evaluation: Evaluation, student: int, teacher: int) -> bool:
    """Whether a student is certainly worth more after costs than its teacher, where both are known."""
    needs = brief.task.needs
    if needs.worth_of_solved is None or cost_of(evaluation, student) is None:
        return False
    if cost_of(brief.evaluation, teacher) is None:
        return False
    more = _net(evaluation, student, needs.worth_of_solved, needs.loss_of_wrong or 0.0) - _net(
        brief.evaluation, teacher, needs.worth_of_solved, needs.loss_of_wrong or 0.0
    )
    spread = float(np.abs(more).max())
    if spread == 0.0:
        return False
    scaled = (more / spread + 1.0) / 2.0
    low = against(scaled, np.full_like(scaled, 0.5), brief.evaluation).low
    return low is not None and low > 0.0


def _net(evaluation: Evaluation, candidate: int, worth: float, loss: float) -> Floats:
    solved = values_of(evaluation, candidate)
    return np.asarray(worth * solved - loss * (1.0 - solved) - evaluation.cost[candidate])

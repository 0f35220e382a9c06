"""Whoever is cheap learns from the best, is compared with it and with itself, and is kept for a reason."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from merits import load_task
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.improving.distillation import Params, make, why_not
from merits.improving.registry import improver_of
from merits.tasks.requirements import parse_requirement
from merits.testing.contracts.improver import ImproverContract, brief_of, outcomes, task_of
from tests.candidates.taught import needs_data, snips
from tests.improving.searching_dev import only, searched

TEACHER = Candidate(name="big", kind="constant", params={"output": "good"})
STUDENT = Candidate(name="small", kind="text-linear", params={"words": 1})


def with_quality(brief: Brief, **shares: float) -> Brief:
    """The brief in which the seeds solve these shares of the rows, the first ones."""
    return replace(brief, evaluation=solving(brief.evaluation, **shares))


def solving(evaluation: Evaluation, **shares: float) -> Evaluation:
    n, solved = evaluation.n_rows, evaluation.solved.copy()
    for name, share in shares.items():
        solved[evaluation.index(name)] = np.arange(n) < share * n
    return replace(evaluation, solved=solved)


class TestContract(ImproverContract):
    def make_improver(self) -> Improver:
        return make(Params(keep=1))

    def brief(self) -> Brief:
        return only(super().brief(), "seed 1")


def test_the_best_teaches_all_that_are_trained_and_a_usual_one() -> None:
    brief = only(with_quality(brief_of([TEACHER, STUDENT]), big=0.9, small=0.5), "small")
    trials = next(make(Params(unlabelled="more.csv"))(brief)).candidates
    assert [trial.name for trial in trials] == [
        "text-linear",
        "small taught by big",
        "text-linear taught by big",
    ]
    assert trials[1].parts == (TEACHER, STUDENT)
    assert trials[1].params == {"truth": 0.5, "unlabelled": "more.csv"}


@pytest.mark.parametrize(("taught", "kept"), [(0.9, True), (0.6, False), (0.4, False)])
def test_kept_is_who_is_as_good_as_the_teacher_and_better_than_alone(taught: float, kept: bool) -> None:
    """Of 400 rows; the gain over itself and the difference to its teacher stand in its metadata."""
    brief = only(with_quality(brief_of([TEACHER, STUDENT], task_of(400)), big=0.9, small=0.5), "small")
    search = make(Params(students=("small",)))(brief)
    evaluation = outcomes(next(search).candidates, brief.task)
    with pytest.raises(StopIteration) as end:
        search.send(solving(evaluation, **{"small taught by big": taught}))
    assert [one.name for one in end.value.value] == (["small taught by big"] if kept else [])
    for one in end.value.value:
        assert "400" in str(one.metadata["against its teacher on dev"])
        assert str(one.metadata["against the same without a teacher on dev"]).startswith("+40.0 points")


def test_worse_and_far_cheaper_may_be_worth_more() -> None:
    """A teacher that costs 0.4 an answer, where a solved case is worth 1: three points less are worth it."""
    base = only(with_quality(brief_of([TEACHER, STUDENT], task_of(400)), big=0.9, small=0.5), "small")
    task = replace_needs(base, worth_of_solved=1.0)
    dear = replace(task.evaluation, cost=np.where(np.arange(2)[:, None] == 0, 0.4, 0.001) * np.ones((2, 400)))
    search = make(Params(students=("small",)))(replace(task, evaluation=dear))
    evaluation = outcomes(next(search).candidates, base.task)
    cheap = replace(solving(evaluation, **{"small taught by big": 0.8}), cost=np.full((1, 400), 0.001))
    with pytest.raises(StopIteration) as end:
        search.send(cheap)
    assert [one.name for one in end.value.value] == ["small taught by big"]


@pytest.mark.parametrize(("taught", "kept"), [(0.7, True), (0.5025, False)])
def test_of_a_teacher_that_is_too_dear_to_use_is_kept_who_is_certainly_better_than_alone(
    taught: float, kept: bool
) -> None:
    """A teacher that solves 90 % for 0.4 an answer, where 0.1 is allowed: a student needs not be as good as it."""
    base = only(with_quality(brief_of([TEACHER, STUDENT], task_of(400)), big=0.9, small=0.5), "small")
    needed = replace_needs(base, requirements=(parse_requirement("cost_per_case <= 0.1 USD"),))
    dear = replace(needed.evaluation, cost=np.where(np.arange(2)[:, None] == 0, 0.4, 0.001) * np.ones((2, 400)))
    search = make(Params(students=("small",)))(replace(needed, evaluation=dear))
    evaluation = outcomes(next(search).candidates, base.task)
    with pytest.raises(StopIteration) as end:
        search.send(solving(evaluation, **{"small taught by big": taught}))
    assert [one.name for one in end.value.value] == (["small taught by big"] if kept else [])


def replace_needs(brief: Brief, **changes: object) -> Brief:
    needs = msgspec.structs.replace(brief.task.needs, **changes)
    return replace(brief, task=msgspec.structs.replace(brief.task, needs=needs))


def test_every_temperature_is_a_trial_of_its_own() -> None:
    brief = only(with_quality(brief_of([TEACHER, STUDENT]), big=0.9), "small")
    search = make(Params(students=("small",), temperatures=(1.0, 2.0, 2.0)))(brief)
    assert [trial.name for trial in next(search).candidates] == ["small taught by big", "small taught by big at 2"]


def test_a_name_that_nobody_has_names_the_near_miss() -> None:
    with pytest.raises(UsageError, match=r"no candidate 'bgi' is there to be the teacher\. Did you mean 'big'"):
        next(make(Params(teacher="bgi"))(brief_of([TEACHER, STUDENT])))
    with pytest.raises(UsageError, match="teacher"):
        improver_of("distillation", {"techer": "big"})


def test_it_says_why_nobody_can_be_taught() -> None:
    alone = only(brief_of([Candidate(name="text-linear", kind="text-linear")]), "text-linear")
    assert "no other candidate is trained here" in why_not(alone)
    assert why_not(brief_of([TEACHER])) == ""
    with pytest.raises(UsageError, match="Did you mean 'big'"):
        why_not(brief_of([TEACHER]), Params(teacher="bgi"))


def test_a_student_that_could_not_be_evaluated_is_not_kept() -> None:
    brief = only(with_quality(brief_of([TEACHER, STUDENT], task_of(400)), big=0.1, small=0.0), "small")
    search = make(Params(students=("small",), margin=0.5))(brief)
    evaluation = outcomes(next(search).candidates, brief.task)
    with pytest.raises(StopIteration) as end:
        search.send(replace(evaluation, status=np.zeros_like(evaluation.status)))
    assert list(end.value.value) == []


@needs_data
def test_on_real_sentences_the_student_takes_the_teachers_place(tmp_path: Path) -> None:
    """Snips: a teacher that knows, 10 labelled sentences of each intent, 40 unlabelled ones; by cross-validation."""
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label", "split"])
        rows.writerows([example.input, example.target, "dev"] for example in snips(10))
        rows.writerows([example.input, example.target, "test"] for example in snips(2, 90))
    (tmp_path / "more.txt").write_text("\n".join(str(example.input) for example in snips(40, 10)), "utf-8")
    known = {example.input: example.target for example in snips(100)}
    (tmp_path / "teacher.py").write_text(f"KNOWN = {known!r}\ndef answer(input): return KNOWN[input]\n", "utf-8")
    (tmp_path / "merits.yaml").write_text(
        "name: snips\ndata: data.csv\ninput: text\ntarget: label\nsplit: {method: given, column: split}\n"
        "candidates:\n  - {name: big, kind: python, function: 'teacher:answer'}\n"
        "  - {name: small, kind: text-linear}\n",
        "utf-8",
    )
    task = load_task(tmp_path / "merits.yaml")
    (evaluation,), kept = searched(make(Params(unlabelled="more.txt", margin=0.1)), task, tmp_path, ["small"])
    assert [one.name for one in kept] == ["small taught by big"]
    assert evaluation.facts["small taught by big learned from others"] == "349 of 349 answers (100.0%)"  # one is twice
    assert str(kept[0].metadata["against the same without a teacher on dev"]).startswith("+")

"""What `robustness:` in a task file may say, and what is said about what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from merits.core.errors import TaskError, UsageError
from merits.core.robustness import Robustness, Strengths
from merits.core.task import Task
from merits.perturbations.registry import perturbation
from merits.tasks.file import load_task
from merits.tasks.make import make_task

ROWS = [{"text": f"a {word} film {n}", "label": word} for n in range(10) for word in ("good", "bad")]
TYPOS = tuple(perturbation("typos").LEVELS)


def made(robustness: Any, rows: Any = ROWS, **more: Any) -> Task:
    return make_task(rows, name="films", target="label", robustness=robustness, **more)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, Robustness()),
        ({}, Robustness()),
        ({"typos": [0.02, 0.05]}, Robustness((Strengths("typos", (0.02, 0.05)),))),
        ({"typos": 0.1}, Robustness((Strengths("typos", (0.1,)),))),
        ({"typos": "default"}, Robustness((Strengths("typos", TYPOS),))),
        ({"typos": None}, Robustness((Strengths("typos", TYPOS),))),
        (["typos"], Robustness((Strengths("typos", TYPOS),))),
        ("typos", Robustness((Strengths("typos", TYPOS),))),
        ({"typos": [1], "sample": 5}, Robustness((Strengths("typos", (1.0,)),), 5)),
        (Robustness((Strengths("typos", (0.5,)),)), Robustness((Strengths("typos", (0.5,)),))),
    ],
)
def test_it_is_read(said: Any, found: Robustness) -> None:
    assert made(said).robustness == found


def test_default_are_the_perturbations_of_the_kind() -> None:
    found = made("default", kind="classification").robustness
    assert Strengths("typos", TYPOS) in found.perturbations


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"typo": [0.1]}, "no perturbation 'typo'.* Did you mean 'typos'"),
        ({"typos": ["much"]}, r"are no strengths of typos.*typos: default"),
        ({"typos": []}, "are no strengths of typos"),
        ({"typos": [0.1, 0.1]}, "a strength of typos is there twice"),
        (["typos", "case", "typos"], "a perturbation is named twice"),
        ({"typos": [float("inf")]}, "are no strengths"),
        ({"typos": [0.1], "sample": 0}, "0 is no number of examples"),
        ({"sample": 3}, "no perturbation is named"),
        (3, "3 names no perturbations"),
        ([3], "3 is no name of a perturbation"),
        (["paraphrase"], "who paraphrases is not said"),
        ({"paraphrase": "a"}, "who paraphrases is not said"),
        ({"paraphrase": {"by": "somebody"}}, "no candidate is named 'somebody'"),
        ({"paraphrase": {"by": {"kind": "chatt"}}}, "there is no kind of candidate 'chatt'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_next_step(said: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=f"(?s){problem}") as raised:
        made(said, candidates=["most-common"])
    assert "the task" in str(raised.value)


def test_a_perturbation_of_what_the_inputs_do_not_hold_is_refused() -> None:
    rows = [{"age": n, "label": word} for n in range(20) for word in ("good", "bad")]
    with pytest.raises(TaskError, match="typos changes texts, and the inputs of this task hold none"):
        made(["typos"], rows, input=["age"])
    with pytest.raises(TaskError, match="no perturbations are customary for these inputs"):
        made("default", rows, input=["age"])


def test_the_line_is_named(tmp_path: Path) -> None:
    lines = "\n".join(f"{row['text']},{row['label']}" for row in ROWS)
    (tmp_path / "films.csv").write_text(f"text,label\n{lines}\n", "utf-8")
    (tmp_path / "merits.yaml").write_text("data: films.csv\nrobustness:\n  typpos: [0.1]\n", "utf-8")
    with pytest.raises(TaskError, match=r"merits\.yaml, line 3: there is no perturbation 'typpos'"):
        load_task(tmp_path / "merits.yaml")


def test_a_task_stays_the_same_with_other_perturbations() -> None:
    """So its answers, runs and decisions stay in use."""
    assert made(None).id == made({"typos": [0.1]}).id == made({"typos": [0.2], "sample": 3}).id


def test_who_paraphrases_is_a_candidate_or_a_recipe() -> None:
    by_name = made({"paraphrase": {"by": "most-common"}}, candidates=["most-common"]).robustness
    assert by_name.perturbations[0].by is not None
    assert by_name.perturbations[0].by.kind == "most-common"
    recipe = made({"paraphrase": {"by": {"kind": "chat", "model": "m"}}}).robustness
    assert recipe.perturbations[0].by is not None
    assert (recipe.ids, recipe.n_levels) == (("paraphrase",), 1)

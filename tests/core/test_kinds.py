"""Kinds of task are declarations: complete, and of things that exist."""

from __future__ import annotations

import pytest

from merits.core.errors import TaskError
from merits.core.kinds import kind_names, task_kind
from merits.perturbations.registry import perturbation
from merits.scorers.registry import kinds as scorer_kinds


@pytest.mark.parametrize("name", kind_names())
def test_a_kind_names_only_what_is_registered(name: str) -> None:
    """Otherwise a user finds out in the middle of a run."""
    kind = task_kind(name)
    assert kind.name == name
    assert kind.description
    assert set(kind.scorers) <= set(scorer_kinds())
    for each in kind.perturbations:
        assert perturbation(each).READS in kind.reads


def test_an_unknown_kind_is_answered_with_the_near_miss() -> None:
    with pytest.raises(TaskError, match=r"no kind of task 'clasification'. Did you mean 'classification'\?"):
        task_kind("clasification")

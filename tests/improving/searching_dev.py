"""Runs an improver on a real task: whatever it asks for is evaluated on dev, by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import merits
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.evaluation import Evaluation
from merits.core.task import Task

__all__ = ["searched"]


def searched(
    improver: Improver, task: Task, folder: Path, trained: Sequence[str]
) -> tuple[list[Evaluation], Sequence[Candidate]]:
    """The evaluations that it was sent, and what it kept."""
    store = folder / "store.sqlite"
    seeds = merits.evaluate(task, split="dev", store=store)
    brief = Brief(task, seeds, lambda name: (), trained=frozenset(trained))
    generator, found = improver(brief), list[Evaluation]()
    try:
        asked = next(generator)
        while True:
            found.append(merits.evaluate(task, list(asked.candidates), split="dev", store=store))
            asked = generator.send(found[-1])
    except StopIteration as end:
        return found, end.value


def only(brief: Brief, *names: str) -> Brief:
    """The brief in which these seeds are trained."""
    return replace(brief, trained=frozenset(names))

"""Ways to show a case by name: the built-in ones and those that plug-ins register under `merits.cases`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from merits.core.answer import Answer
from merits.core.errors import TaskError
from merits.core.kinds import kind_names, task_kind
from merits.core.plugins import names, plugin
from merits.core.task import Example, ScorerSpec
from merits.report.cases.blocks import Block, Files

__all__ = ["Case", "case_of", "has_own_case"]

_GROUP = "merits.cases"


class Case(Protocol):
    """What an entry point names: anything with these; a module will do.

    Each returns blocks to be shown, or () where the plain text is best. `files` gives the embedded copy of a file that
    is named. `ASIDE` says whether what was asked and what is right stand side by side. Where what is shown must agree
    with how answers are scored, `for_scorers(scorers)` beside these is given the task's scorers and returns the case.
    """

    ASIDE: bool

    def shown_input(self, example: Example, files: Files) -> tuple[Block, ...]: ...

    def shown_target(self, example: Example, files: Files) -> tuple[Block, ...]: ...

    def shown_reply(self, example: Example, answer: Answer, files: Files) -> tuple[Block, ...]: ...


def case_of(kind: str, scorers: Sequence[ScorerSpec] = ()) -> Case:
    """How cases of a kind of task are shown, scored by these scorers; as texts where it is not installed here."""
    name = task_kind(kind).case if kind in kind_names() else "text"
    known = name if name in names(_GROUP) else "text"
    case = cast(Case, plugin(_GROUP, known, "way to show a case", unknown=TaskError, broken=TaskError))
    for_scorers = getattr(case, "for_scorers", None)
    return case if for_scorers is None else cast(Case, for_scorers(scorers))


def has_own_case(kind: str) -> bool:
    """Whether cases of a kind are shown in a way of their own, and not as texts.

    >>> has_own_case("classification")
    False
    """
    return kind in kind_names() and task_kind(kind).case != "text"

"""What a kind of task is: one small declaration, which nothing else has to be changed for.

A kind is registered under the entry points `merits.kinds`; the built-in ones are in `merits/kinds`, a file each. It
only names things that are registered elsewhere: scorers, perturbations, and how a case and the whole are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from merits.core.errors import TaskError
from merits.core.plugins import names, plugin

__all__ = ["Reads", "Target", "TaskKind", "is_labelled", "kind_names", "task_kind"]

_GROUP = "merits.kinds"

Reads: TypeAlias = Literal["text", "picture", "sound", "columns", "events"]
Target: TypeAlias = Literal["label", "text", "record", "number", "items", "picture", "none"]


@dataclass(frozen=True)
class TaskKind:
    """What tasks of one kind have in common.

    `reads` is what inputs hold: a text, the name of a picture's or a sound's file, columns, or events (who chose
    what, and when); several for tasks of several at once. `target` is what the right answer is: one of a list of
    labels, a text (or a list of texts, of which any will do), a record of fields or spans, a number, a list of items,
    the name of a picture's file, or nothing that is known. `scorers` are the kinds of scorers of a task that names
    none, the deciding one first. `perturbations` are those that make sense, each with its customary strengths where a
    task names none. `case` is how a case is shown (entry points `merits.cases`), `views` are sections that a report
    has beyond those of all tasks (`merits.views`). `examples` names a function that makes examples of a whole table
    ("module:function"), where they are not one to a row: of the
    table, the definition, its source and its folder it makes the examples, each with its split, and notes for the
    reader.
    """

    name: str
    description: str
    reads: tuple[Reads, ...]
    target: Target
    scorers: tuple[str, ...]
    perturbations: tuple[str, ...] = ()
    case: str = "text"
    views: tuple[str, ...] = ()
    examples: str = ""

    @property
    def is_labelled(self) -> bool:
        """Whether an answer is one of a list of labels."""
        return self.target == "label"


def kind_names() -> tuple[str, ...]:
    """The names of all kinds of task, sorted.

    >>> "classification" in kind_names()
    True
    """
    return names(_GROUP)


def task_kind(name: str) -> TaskKind:
    """The declaration of a kind; TaskError with the near miss when there is none.

    >>> task_kind("classification").target
    'label'
    """
    return cast(TaskKind, plugin(_GROUP, name, "kind of task", unknown=TaskError, broken=TaskError))


def is_labelled(name: str) -> bool:
    """Whether answers of this kind of task are one of a list of labels; false for a kind that is not installed here.

    >>> is_labelled("classification"), is_labelled("generation"), is_labelled("of another age")
    (True, False, False)
    """
    return name in kind_names() and task_kind(name).is_labelled

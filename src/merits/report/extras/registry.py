"""Sections by name: the built-in ones and those that plug-ins register under `merits.views`."""

from __future__ import annotations

from typing import Protocol, cast

import msgspec

from merits.core.errors import TaskError
from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.core.plugins import plugin
from merits.report.sections.examples import Source
from merits.report.sections.subject import Subject

__all__ = ["ExtraSection", "ExtraTable", "Plot", "View", "extra_sections"]

_GROUP = "merits.views"


class Plot(msgspec.Struct, frozen=True):
    """A drawing: a Vega-Lite specification (without schema), and what it shows in words.

    Without a `width` it fills the page; one that says its width, as one of several panels must, is drawn in that.
    `narrow` is the specification for a narrow page, the same one where it is None. Its colours are those of the page
    (`merits.report.drawings.canvas.COLOURS`). What `is_half` stands beside the next where the page is wide.
    """

    description: str
    spec: dict[str, JSON]
    narrow: dict[str, JSON] | None = None
    is_half: bool = False


class ExtraTable(msgspec.Struct, frozen=True):
    """A table: a row for each name, its cells estimates, or texts that hold no figure that was estimated."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | str | None, ...]], ...]


class ExtraSection(msgspec.Struct, frozen=True, kw_only=True):
    """A section: its id in the page, its title, what it says, and what it shows."""

    id: str
    title: str
    words: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[ExtraTable, ...] = ()


class View(Protocol):
    """What an entry point names: anything with `section`; a module will do."""

    def section(self, subject: Subject, source: Source) -> ExtraSection | None:
        """The section, None where there is nothing to show. Pure: reads outcomes and the answers that are shown."""
        ...


def extra_sections(subject: Subject, source: Source) -> tuple[ExtraSection, ...]:
    """The sections that the kind of the task names, in its order."""
    kind = subject.evaluation.kind
    wanted = task_kind(kind).views if kind in kind_names() else ()
    views = [plugin(_GROUP, name, "view", unknown=TaskError, broken=TaskError) for name in wanted]
    found = [cast(View, view).section(subject, source) for view in views]
    return tuple(section for section in found if section is not None)

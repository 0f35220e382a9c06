"""Makes the examples of a recommendation out of a table of events: who chose what, and when.

Everything before the cut is dev: an example for each user, whose later choices are the target. After the cut each user
is one test example: what the user chose before is the input, what the user chose then is the target. So no candidate
can learn from an event at or after the cut. Knows nothing about how items are ranked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from merits.core.errors import DataError, TaskError
from merits.core.interactions import Run
from merits.core.task import Example
from merits.tasks.definition import Definition, EventsPart, SplitPart
from merits.tasks.events import Events, events_of, named
from merits.tasks.rows import Table
from merits.tasks.source import Source
from merits.tasks.titles import titles_of

__all__ = ["examples_of"]

Ints = NDArray[np.int64]
_USUAL = SplitPart(method="time", test=0.2)
_TARGET = 0.2  # of a user's events before the cut, the latest are the target of the user's dev example
_NO_MEANING = ("input", "target", "id", "group", "extract", "labels")
_LEAKS = (
    "Of each user the last event is test: candidates learn from what others chose later, so figures look better than "
    "they will be. `split: {method: time}` does not leak."
)


def examples_of(
    table: Table, definition: Definition, source: Source, folder: Path
) -> tuple[Sequence[Example], list[str]]:
    """The examples of both splits, and notes for the reader.

    Raises DataError for a missing column, a moment that cannot be read, or a cut that leaves nothing on a side;
    TaskError for a key of the task that has no meaning for events.
    """
    part = definition.events or EventsPart()
    for key in _NO_MEANING:
        if getattr(definition, key):
            raise TaskError(f"{source.at(key)}: `{key}` has no meaning for a recommendation.", "See `events:`.")
    split = definition.split if isinstance(definition.split, SplitPart) else SplitPart(method=definition.split)
    split = _USUAL if definition.split is None else split
    if split.method not in (None, "time", "last") or split.column:
        raise TaskError(
            f"{source.at('split')}: events are split by time.",
            "Write `split: {method: time, test: 0.2}`, the moment under `events: cut:`, or method last.",
        )
    found = events_of(table, part, definition.slices, source)
    notes = list(found.notes)
    if part.titles is not None:
        found = named(found, titles_of(part.titles, folder, source))
    first_test, said = _first_test(found, part, split, table, source)
    return tuple(_examples(found, part, first_test)), notes + said


def _first_test(
    events: Events, part: EventsPart, split: SplitPart, table: Table, source: Source
) -> tuple[Ints, list[str]]:
    """For each user the position of the first event that is test, in the user's events; and notes."""
    starts, sizes = events.starts, np.diff(events.starts)
    if split.method == "last":
        if part.cut is not None:
            raise TaskError(f"{source.at('events', 'cut')}: the last event of each user needs no cut.", "Leave it out.")
        if not (sizes > 1).any():
            raise DataError(f"{table.name}: no user has two events.", "There is nothing to learn or to ask.")
        return np.where(sizes > 1, sizes - 1, sizes), [_LEAKS]
    cut = _cut(events, part, split, table, source)
    is_test = np.concatenate([[0], np.cumsum(events.times >= cut)])
    n_test = is_test[starts[1:]] - is_test[starts[:-1]]
    if n_test.sum() in (0, len(events.times)):
        side = "at or after" if not n_test.sum() else "before"
        low, high = events.times.min(), events.times.max()
        raise DataError(
            f"{table.name}: no event is {side} the cut at {cut:,.0f}; they are from {low:,.0f} to {high:,.0f}.",
            "Name another moment under `events: cut:`, or the share of the latest events: `split: {test: 0.2}`.",
        )
    return sizes - n_test, []


def _cut(events: Events, part: EventsPart, split: SplitPart, table: Table, source: Source) -> float:
    """The moment that test begins. DataError where dev data that came apart is later than test data."""
    if table.splits:
        cut = float(events.times[events.in_test].min()) if events.in_test.any() else np.inf
        late = int((events.times[~events.in_test] >= cut).sum())
        if late:
            raise DataError(
                f"{table.name}: {late:,} events of dev are not before the first event of test: the future would leak.",
                "Join the data to one file, and split it by time.",
            )
        return cut
    if part.cut is not None:
        from merits.tasks.dividing import moment

        try:
            return moment(part.cut, table, 0)
        except DataError:
            raise TaskError(
                f"{source.at('events', 'cut')}: {part.cut!r} is no moment in time.", "Write it as '2026-03-31'."
            ) from None
    n = len(events.times)
    return float(np.sort(events.times)[n - max(1, round(split.test * n))])


def _examples(events: Events, part: EventsPart, first_test: Ints) -> Iterator[Example]:
    known = np.zeros(len(events.items), np.bool_)
    known[events.item[_before(events, first_test)]] = True
    for code, user in enumerate(events.users):
        start, end = int(events.starts[code]), int(events.starts[code + 1])
        cut = start + int(first_test[code])
        if cut > start:
            asked = cut - max(1, round(_TARGET * (cut - start)))
            yield _example(f"dev-{user}", user, events.run(start, asked), events.run(asked, cut), part)
        asked = cut + part.known_after
        if end > asked:
            fresh = ~known[events.item[asked:end]]
            tags = {"user": _habit(cut - start, part.few), "items": _age(fresh), **events.tags_at(asked)}
            example = _example(f"test-{user}", user, events.run(start, asked), events.run(asked, end), part)
            yield replace(example, tags=tags, split="test")


def _before(events: Events, first_test: Ints) -> NDArray[np.bool_]:
    """Which events are before the cut."""
    sizes = np.diff(events.starts)
    place = np.arange(len(events.times)) - np.repeat(events.starts[:-1], sizes)
    return np.asarray(place < np.repeat(first_test, sizes))


def _example(id: str, user: str, known: Run, target: Run, part: EventsPart) -> Example:
    again: Run = {"again": True} if part.again else {}
    return Example(id, {"user": user, **known, **again}, dict(target), split="dev")


def _habit(n: int, few: int) -> str:
    return "new" if n == 0 else "few events" if n < few else "many events"


def _age(fresh: NDArray[np.bool_]) -> str:
    """Whether candidates can know the items of a target: those that nobody had chosen before the cut are new."""
    return "all new" if fresh.all() else "some new" if fresh.any() else "known"

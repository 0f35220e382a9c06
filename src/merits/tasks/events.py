"""Reads a table of events into arrays: a million of them take tens of megabytes. Knows nothing about splits."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.validate import did_you_mean
from merits.tasks.definition import EventsPart
from merits.tasks.dividing import moment
from merits.tasks.rows import Row, Table
from merits.tasks.source import Source

__all__ = ["Events", "customary", "events_of", "named"]

_CUSTOMARY: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userid", "customer", "customer_id", "visitor_id", "session", "session_id"),
    "item": ("item", "item_id", "itemid", "product", "product_id", "sku", "movie_id", "article_id"),
    "time": ("time", "timestamp", "date", "datetime", "created_at"),
}


@dataclass(frozen=True)
class Events:
    """Events user by user, of each the oldest first: `item` codes, `times` and `ratings` (events,).

    The events of user u are those from `starts[u]` to `starts[u + 1]`. `ratings` is None without ratings; `in_test` is
    where data came apart in dev and test; `slices` are texts (events,) by their column.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    starts: NDArray[np.int64]
    item: NDArray[np.int32]
    times: NDArray[np.float64]
    ratings: NDArray[np.float64] | None
    in_test: NDArray[np.bool_]
    slices: Mapping[str, Sequence[str]]
    notes: tuple[str, ...]

    def run(self, start: int, end: int) -> dict[str, JSON]:
        """The events from one place to another as a run (`core.interactions`)."""
        names = self.items
        run: dict[str, JSON] = {
            "items": [names[code] for code in self.item[start:end].tolist()],
            "times": [_plain(time) for time in self.times[start:end].tolist()],
        }
        if self.ratings is not None:
            run["ratings"] = [_plain(rating) for rating in self.ratings[start:end].tolist()]
        return run

    def tags_at(self, place: int) -> dict[str, str]:
        """The slices that one event is in."""
        return {name: texts[place] for name, texts in self.slices.items() if texts[place]}


def events_of(table: Table, part: EventsPart, slices: str | Sequence[str], source: Source) -> Events:
    """The events of a table. DataError, with the line, for a column or a value that is not there or cannot be read.

    Of events of one moment the order of the table counts. A user who chose an item twice did so the first time only,
    unless `again`; how many are left out so, or for their rating, is in the notes.
    """
    columns = {key: _column(key, getattr(part, key), table, source) for key in _CUSTOMARY}
    columns |= {"rating": _column("rating", part.rating, table, source)} if part.rating else {}
    shown = [slices] if isinstance(slices, str) else list(slices)
    for name in shown:
        _column("slices", name, table, source)
    if part.at_least is not None and not part.rating:
        raise DataError(
            f"{source.at('events')}: `at_least` needs the column with the rating.", "Write: rating: COLUMN."
        )
    read = _Reading(table, columns, part.at_least, shown)
    for index, row in enumerate(table.rows):
        read.take(index, row)
    return read.events(table, again=part.again)


def named(events: Events, titles: Mapping[str, str]) -> Events:
    """The events with their items called by their titles; those without one keep their name.

    Where two items share a title, each has its own name behind it, so that they stay two.
    """
    called = [titles.get(item, item) for item in events.items]
    seen: dict[str, int] = {}
    for name in called:
        seen[name] = seen.get(name, 0) + 1
    pairs = zip(called, events.items, strict=True)
    return replace(events, items=tuple(name if seen[name] == 1 else f"{name} [{item}]" for name, item in pairs))


class _Reading:
    """Takes rows one by one."""

    def __init__(self, table: Table, columns: Mapping[str, str], at_least: float | None, slices: Sequence[str]) -> None:
        self._table, self._columns, self._at_least = table, columns, at_least
        self._user, self._item = array("i"), array("i")
        self._time, self._rating, self._row = array("d"), array("d"), array("q")
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._slices: dict[str, list[str]] = {name: [] for name in slices}
        self._texts: dict[str, str] = {}
        self._n_low = 0

    def take(self, index: int, row: Row) -> None:
        user, item = self._name("user", row, index), self._name("item", row, index)
        time = moment(row.get(self._columns["time"]), self._table, index)
        if not math.isfinite(time):
            raise DataError(f"{self._table.where(index)}: {time} is no moment in time.", "Write it as 2026-03-31.")
        rating = self._rated(row, index) if "rating" in self._columns else 1.0
        if self._at_least is not None and rating < self._at_least:
            self._n_low += 1
            return
        self._user.append(self._users.setdefault(user, len(self._users)))
        self._item.append(self._items.setdefault(item, len(self._items)))
        self._time.append(time)
        self._rating.append(rating)
        self._row.append(index)
        for name, texts in self._slices.items():
            text = "" if row.get(name) is None else str(row[name])
            texts.append(self._texts.setdefault(text, text))

    def _name(self, key: str, row: Row, index: int) -> str:
        value = row.get(self._columns[key])
        name = "" if value is None else str(value).strip()
        if not name:
            where = self._table.where(index)
            raise DataError(f"{where}: the {key} {self._columns[key]!r} is empty.", "Fill it in, or leave the row out.")
        return name

    def _rated(self, row: Row, index: int) -> float:
        value = row.get(self._columns["rating"])
        try:
            rating = float(str(value))
        except ValueError:
            rating = math.nan
        if not math.isfinite(rating) or rating < 0 or (self._at_least is None and not rating.is_integer()):
            raise DataError(
                f"{self._table.where(index)}: the rating {value!r} is no whole number from 0.",
                "Ratings are gains of `ndcg`; with `at_least` they may be fractions.",
            )
        return rating

    def events(self, table: Table, *, again: bool) -> Events:
        notes = [f"{self._n_low:,} events of a rating below {self._at_least:g} are left out."] if self._n_low else []
        user, item = np.frombuffer(self._user, np.int32), np.frombuffer(self._item, np.int32)
        times, rows = np.frombuffer(self._time), np.frombuffer(self._row, np.int64)
        if not len(user):
            raise DataError(f"{table.name}: no event is left. {' '.join(notes)}", "Lower `at_least`.")
        if len(self._users) < 2:
            raise DataError(
                f"{table.name}: all {len(user):,} events are of one user, {next(iter(self._users))!r}.",
                "What others chose is what recommendations are made of: name another column, or add users.",
            )
        order = np.lexsort((np.arange(len(user)), times, user))
        if not again:
            pair = user[order].astype(np.int64) * len(self._items) + item[order]
            order = order[np.sort(np.unique(pair, return_index=True)[1])]
            n_again = len(user) - len(order)
            notes += [f"{n_again:,} events repeat an earlier choice of the user and are left out."] if n_again else []
        starts = np.concatenate([[0], np.cumsum(np.bincount(user[order], minlength=len(self._users)))])
        rated = self._at_least is None and "rating" in self._columns
        test = [table.splits[at] == "test" for at in rows[order].tolist()] if table.splits else np.zeros(len(order))
        return Events(
            users=tuple(self._users),
            items=tuple(self._items),
            starts=starts.astype(np.int64),
            item=item[order],
            times=times[order],
            ratings=np.frombuffer(self._rating)[order] if rated else None,
            in_test=np.asarray(test, np.bool_),
            slices={name: [texts[at] for at in order.tolist()] for name, texts in self._slices.items()},
            notes=tuple(notes),
        )


def _column(key: str, given: str, table: Table, source: Source) -> str:
    """The column of that name, else one of a customary name."""
    has = f"it has {', '.join(table.columns)}"
    if given:
        if given not in table.columns:
            place = ("slices",) if key == "slices" else ("events", key)
            raise DataError(
                f"{source.at(*place)}: {table.name} has no column {given!r}; {has}.", did_you_mean(given, table.columns)
            )
        return given
    found = customary(key, table.columns)
    if not found:
        names = ", ".join(_CUSTOMARY[key][:3])
        raise DataError(
            f"{source.at('events')}: {table.name} has no column for the {key} ({names}, ...); {has}.",
            f"Name it: `events: {{{key}: COLUMN}}`.",
        )
    return found


def customary(key: str, columns: Sequence[str]) -> str:
    """The column that is called as the user, item or time of an event customarily is; "" where there is none.

    >>> customary("user", ["Customer_ID", "item"]), customary("time", ["item"])
    ('Customer_ID', '')
    """
    low = {name.lower(): name for name in reversed(columns)}
    return next((low[name] for name in _CUSTOMARY[key] if name in low), "")


def _plain(number: float) -> float | int:
    """A whole number without its ".0": times and ratings mostly are."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number

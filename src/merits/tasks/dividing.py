"""Decides which rows are dev and which are test, by the rule that a task states or the one that fits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from merits.core.clusters import units_of
from merits.core.errors import DataError, TaskError
from merits.core.identity import JSON, hash_of_input
from merits.core.task import Split
from merits.tasks.columns import Chosen, Values
from merits.tasks.definition import Definition, SplitPart
from merits.tasks.normalise import normalised
from merits.tasks.rows import Table
from merits.tasks.source import Source
from merits.tasks.splitting import by_hash, by_time, stratified

__all__ = ["divide", "moment", "split_called"]

_CALLED: dict[str, Split] = {
    **dict.fromkeys(("dev", "train", "training", "development", "validation", "valid", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout", "held-out"), "test"),
}


def split_called(name: str) -> Split | None:
    """The split that a customary name means; None when it means none. What is trained or tuned on is dev.

    >>> split_called("Train"), split_called("validation"), split_called("extra")
    ('dev', 'dev', None)
    """
    return _CALLED.get(name.strip().lower())


def divide(
    definition: Definition,
    table: Table,
    chosen: Chosen,
    values: Values,
    source: Source,
    *,
    contents: Callable[[JSON], Mapping[str, str]] = lambda input: {},
) -> tuple[list[Split], str]:
    """The split of each row, and the rule that it was made by.

    Without a rule: as the data came or its column `split` says, else by group where there are groups, stratified
    where there are labels, and by hash otherwise. `contents` identifies what is in the files that an input names: one
    picture under two names stays on one side.
    """
    part = definition.split if isinstance(definition.split, SplitPart) else SplitPart(method=definition.split)
    if table.splits:
        if definition.split is not None and (part.method is not None or part.column):
            raise TaskError(
                f"{source.at('split')}: the data already comes as dev and test.",
                "Take `split:` out (all but its `seed`, which `sample` uses).",
            )
        return [_known(split) for split in table.splits], "given"
    method = part.method or _usual(chosen, values)
    if method == "last":
        raise TaskError(f"{source.at('split')}: only a recommendation is split by `last`.", "Write `method: time`.")
    if method == "given":
        return _given(table, chosen.split), "given"
    keys = [hash_of_input(value, found) if (found := contents(value)) else normalised(value) for value in values.inputs]
    if method == "time":
        times = [moment(row.get(chosen.split), table, index) for index, row in enumerate(table.rows)]
        return _named(by_time(times, units_of(keys), test=part.test)), "time"
    return _named(_by_content(method, part, keys, values, source)), method


def _by_content(method: str, part: SplitPart, keys: Sequence[str], values: Values, source: Source) -> list[bool]:
    units = units_of(keys, values.groups)
    if method == "hash":
        return by_hash(keys, units, test=part.test, seed=part.seed)
    if method == "group" and not any(values.groups):
        raise TaskError(
            f"{source.at('split')}: a split by group needs the column with the groups.", "Write: group: COLUMN."
        )
    labels = values.labels if method == "stratified" and values.labels else [""] * len(keys)
    return stratified(keys, units, labels, test=part.test, seed=part.seed)


def _usual(chosen: Chosen, values: Values) -> str:
    if chosen.split:
        return "given"
    if chosen.group:
        return "group"
    return "stratified" if values.labels else "hash"


def _given(table: Table, column: str) -> list[Split]:
    splits: list[Split] = []
    for index, row in enumerate(table.rows):
        split = split_called(str(row.get(column) or ""))
        if split is None:
            raise DataError(
                f"{table.where(index)}: the split {column!r} is {row.get(column)!r}.",
                "Write dev (or train, validation) or test.",
            )
        splits.append(split)
    return splits


def moment(value: JSON, table: Table, index: int) -> float:
    """A moment as a number that can be compared: a number as it is, an ISO date or time in seconds (UTC assumed)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value or "").strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(
            f"{table.where(index)}: {value!r} is no moment in time.", "Write it as 2026-03-31 or 2026-03-31T12:30:00."
        ) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _named(in_test: Sequence[bool]) -> list[Split]:
    return ["test" if test else "dev" for test in in_test]


def _known(split: str) -> Split:
    return "test" if split == "test" else "dev"

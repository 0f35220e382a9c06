"""Makes a task of data and of what is said about it: the one place where both meet and are checked."""

from __future__ import annotations

import pkgutil
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, Unpack

from merits.core.candidate import Candidate
from merits.core.errors import DataError, TaskError
from merits.core.identity import JSON
from merits.core.kinds import is_labelled, task_kind
from merits.core.needs import Needs
from merits.core.on_demand import outlines
from merits.core.robustness import Robustness
from merits.core.task import Example, Settings, Split, Task
from merits.core.validate import did_you_mean
from merits.media.finding import Media
from merits.tasks.amounts import number_target, with_tolerance
from merits.tasks.columns import (
    Chosen,
    Values,
    choose,
    groups_of,
    ids_of,
    inputs_of,
    label_of,
    tags_of,
    targets_of,
)
from merits.tasks.definition import Definition, SplitPart, TaskOptions
from merits.tasks.dividing import divide, split_called
from merits.tasks.examples_on_disk import ExamplesOnDisk
from merits.tasks.guess import guess_kind
from merits.tasks.labels import classes_of, must_have_test
from merits.tasks.on_disk import Lazy
from merits.tasks.recipes import candidates_of, needs_of, scorers_of, with_place
from merits.tasks.rows import Table, join, read
from merits.tasks.source import Source, convert_at

__all__ = ["build", "make_task"]

T = TypeVar("T")


def make_task(data: object, **options: Unpack[TaskOptions]) -> Task:
    """The task that these data and options describe; the options are the keys of a task file.

    `data` is a path, a pandas or polars frame, an iterable of mappings, or one of these each for "dev" and "test".
    `candidates` may be functions, scikit-learn estimators and objects with `answer` or `predict`, in a list or by
    name in a mapping; `scorers` may be functions; `needs` and `settings` may be records. Everything is checked as in
    a file: TaskError and DataError say what to change.

    >>> rows = [{"text": f"{word} {n}", "label": word} for n in range(10) for word in ("good", "bad")]
    >>> task = make_task(rows, name="words")
    >>> task.kind, task.classes, len(task.split("dev")), len(task.split("test"))
    ('classification', ('bad', 'good'), 10, 10)
    """
    return build({"data": data, **options}, Source("the task"), Path("."))


def build(values: Mapping[str, Any], source: Source, folder: Path) -> Task:
    """The task of a definition, whose relative paths start at `folder` and whose errors point into `source`."""
    values = {key: value for key, value in values.items() if value is not None}  # `needs:` with comments only
    needs = _ready(values, "needs", Needs)
    settings = _ready(values, "settings", Settings)
    definition = convert_at(values, Definition, source)
    if definition.kind is not None:
        with_place(partial(task_kind, definition.kind), source, ("kind",))
    if needs is None:
        needs = needs_of(definition.needs, source)
    candidates = candidates_of(definition, needs, source)
    _must_have_prices(definition, source, folder)
    if definition.human_labels and not (folder / definition.human_labels).is_file():
        found = f"{source.at('human_labels')}: there is no file {definition.human_labels!r}."
        raise TaskError(found, "Take `human_labels:` out, run, and draw answers to label: merits judge draw.")
    cases = _cases(definition, source, folder)
    scorers, notes = scorers_of(definition.scorers, cases.kind, source), cases.notes
    if definition.scorers is None and task_kind(cases.kind).target == "number":
        scorers, said = with_tolerance(scorers, cases.examples)
        notes = (*notes, *said)
    return Task(
        name=definition.name,
        description=definition.description,
        kind=cases.kind,
        examples=cases.examples,
        classes=cases.classes,
        scorers=scorers,
        needs=needs,
        candidates=candidates,
        robustness=_robustness(definition, cases, candidates, source, folder),
        settings=settings or definition.settings,
        prices=definition.prices,
        human_labels=definition.human_labels,
        exchange_rate=definition.exchange_rate,
        machine_per_hour=definition.machine_per_hour,
        folder=str(folder),
        data_folders=_folders_of(definition.data, folder),
        notes=notes,
        improve=definition.improve,
        monitor=definition.monitor,
        serve=definition.serve,
    )


def _robustness(
    definition: Definition, cases: _Cases, candidates: Sequence[Candidate], source: Source, folder: Path
) -> Robustness:
    if definition.robustness is None:
        return Robustness()
    from merits.tasks.robustness import robustness_of

    media = Media([*map(Path, _folders_of(definition.data, folder)), folder])
    said = definition.robustness
    return robustness_of(said, cases.kind, cases.examples, media=media, candidates=candidates, source=source)


@dataclass(frozen=True)
class _Cases:
    """What came of the data."""

    kind: str
    examples: Sequence[Example]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def _cases(definition: Definition, source: Source, folder: Path) -> _Cases:
    notes: list[str] = []
    table = _table(definition.data, source, folder, notes)
    if definition.kind is not None and (maker := task_kind(definition.kind).examples):
        return _of_whole_table(maker, table, definition, source, folder)
    if definition.events is not None:
        raise TaskError(f"{source.at('events')}: only a recommendation has events.", "Write `kind: recommendation`.")
    table = _sampled(table, definition)
    chosen = choose(definition, table, source)
    if not isinstance(chosen.input, str):  # what a column of a mapping is depends on all of its values
        table = replace(table, rows=list(table.rows))
    kind, values = _values(definition, table, chosen, source, notes)
    files = Media([*map(Path, _folders_of(definition.data, folder)), folder])
    splits, rule = divide(definition, table, chosen, values, source, contents=files.contents)
    notes += _customs(definition, chosen, rule, table)
    shown = task_kind(kind).target == "picture"
    examples = _sampled_by_split(_examples(table, values, splits, files, with_targets=shown), definition)
    must_have_test(examples, table.name)
    if is_labelled(kind):
        # A sample may lose a label from dev by chance, which is nobody's mistake.
        given = rule == "given" and definition.sample is None
        classes, said = classes_of(definition.labels, examples, table.name, source, given=given)
        return _Cases(kind, examples, classes, (*notes, *said))
    if definition.labels:
        raise TaskError(f"{source.at('labels')}: only a classification has labels.", "Take them out.")
    return _Cases(kind, examples, (), tuple(notes))


def _of_whole_table(maker: str, table: Table, definition: Definition, source: Source, folder: Path) -> _Cases:
    """The cases of a kind whose examples are not one to a row: it names the function that makes them."""
    if isinstance(definition.sample, int):
        raise TaskError(
            f"{source.at('sample')}: a sample of the rows would tear apart what belongs together.",
            "Write how many examples of each split: sample: {test: 500}.",
        )
    examples, notes = pkgutil.resolve_name(maker)(table, definition, source, folder)
    examples = _sampled_by_split(examples, definition)
    must_have_test(examples, table.name)
    return _Cases(str(definition.kind), examples, (), tuple(notes))


def _examples(
    table: Table, values: Values, splits: Sequence[Split], files: Media, *, with_targets: bool
) -> Sequence[Example]:
    def contents_of(input: JSON, target: JSON) -> dict[str, str]:
        return files.contents(input) | files.contents(target) if with_targets else files.contents(input)

    if isinstance(table.rows, Lazy):
        return ExamplesOnDisk(table.name, values, splits, contents_of)
    contents = map(contents_of, values.inputs, values.targets)
    columns = (values.ids, values.inputs, values.targets, values.groups, values.tags, splits, contents)
    return tuple(Example(*parts) for parts in zip(*columns, strict=True))


def _values(
    definition: Definition, table: Table, chosen: Chosen, source: Source, notes: list[str]
) -> tuple[str, Values]:
    targets = targets_of(table, chosen, definition, source)
    kind = definition.kind or _guessed(targets, notes, tabular=not isinstance(chosen.input, str))
    if task_kind(kind).target == "number":
        targets = [number_target(target, table, index) for index, target in enumerate(targets)]
    labels: list[str] = []
    if is_labelled(kind):
        labels = [_label(target, table, index) for index, target in enumerate(targets)]
    values = Values(
        ids=ids_of(table, chosen),
        inputs=inputs_of(table, chosen),
        targets=labels or targets,
        groups=groups_of(table.rows, chosen.group),
        tags=tags_of(table.rows, chosen.slices),
        labels=labels,
    )
    return kind, values


def _ready(values: dict[str, Any], key: str, record: type[T]) -> T | None:
    """A record that was passed whole instead of its parts, taken out of the values."""
    return values.pop(key) if isinstance(values.get(key), record) else None


def _table(data: object, source: Source, folder: Path, notes: list[str]) -> Table:
    if not isinstance(data, Mapping):
        return _only_known_splits(read(data, folder, on_disk=True), notes)
    parts: dict[Split, Table] = {}
    for key, part in data.items():
        split = split_called(str(key))
        if split is None:
            raise TaskError(
                f"{source.at('data', str(key))}: there is no split {key!r}.", did_you_mean(str(key), ["dev", "test"])
            )
        if split in parts:
            raise TaskError(f"{source.at('data', str(key))}: {split} is there twice.", "Join the two files.")
        parts[split] = read(part, folder, on_disk=True)
    if "test" not in parts:
        raise TaskError(
            f"{source.at('data')}: there is no test data.", "Name one under `test:`, or write `data: FILE` to split it."
        )
    return join(" and ".join(table.name for table in parts.values()), list(parts.items()))


def _folders_of(data: object, folder: Path) -> tuple[str, ...]:
    """The folders that the data come from; () where they are no files."""
    parts = data.values() if isinstance(data, Mapping) else [data]
    paths = [folder / part for part in parts if isinstance(part, str | Path)]
    return tuple(dict.fromkeys(str(path if path.is_dir() else path.parent) for path in paths))


def _only_known_splits(table: Table, notes: list[str]) -> Table:
    """The table with its splits called dev and test; rows of other splits are left out, with a note.

    Data that came in one split only is not divided yet.
    """
    if not table.splits:
        return table
    known = [split_called(split) for split in table.splits]
    left_out = Counter(name for name, split in zip(table.splits, known, strict=True) if split is None)
    notes += [f"{n:,} rows of the split {name!r} are left out." for name, n in left_out.items()]
    keep = [index for index, split in enumerate(known) if split is not None]
    if not keep:
        raise DataError(
            f"{table.name} has the splits {', '.join(left_out)}.", "Name one file or folder each for dev and test."
        )
    divided = len({known[index] for index in keep}) > 1
    splits = [str(known[index]) for index in keep] if divided else []
    return replace(_picked(table, keep), splits=splits)


def _picked(table: Table, indices: Sequence[int]) -> Table:
    """The table with these rows only; each still knows the line that it came from."""
    return replace(
        table,
        rows=[table.rows[index] for index in indices],
        splits=[table.splits[index] for index in indices] if table.splits else (),
        picked=[table.picked[index] for index in indices] if table.picked else list(indices),
    )


def _sampled(table: Table, definition: Definition) -> Table:
    size = definition.sample
    if not isinstance(size, int) or size >= len(table.rows):
        return table
    return _picked(table, sorted(random.Random(_seed(definition)).sample(range(len(table.rows)), size)))


def _sampled_by_split(examples: Sequence[Example], definition: Definition) -> Sequence[Example]:
    sizes = definition.sample
    if not isinstance(sizes, dict):
        return examples
    dropped: set[int] = set()
    for split, size in sizes.items():
        rows = [index for index, example in enumerate(outlines(examples)) if example.split == split]
        if size < len(rows):
            dropped |= set(rows) - set(random.Random(_seed(definition)).sample(rows, size))
    return tuple(example for index, example in enumerate(examples) if index not in dropped)


def _seed(definition: Definition) -> int:
    return definition.split.seed if isinstance(definition.split, SplitPart) else 0


def _guessed(targets: Sequence[JSON], notes: list[str], *, tabular: bool) -> str:
    kind = guess_kind(targets, tabular=tabular)
    notes.append(f"The kind was not given; the targets look like {kind}.")
    return kind


def _label(target: JSON, table: Table, index: int) -> str:
    try:
        return label_of(target)
    except DataError as problem:
        raise DataError(f"{table.where(index)}: {problem.found}", problem.next_step) from None


def _customs(definition: Definition, chosen: Chosen, rule: str, table: Table) -> list[str]:
    """What was taken from the data by custom, without being named in the task."""
    notes = []
    for key in ("input", "target", "id", "group"):
        found = getattr(chosen, key)
        if getattr(definition, key) is None and found:
            notes.append(f"The {key} is the column {found!r}, because it is called so.")
    if definition.split is None and not table.splits:
        notes.append(f"The split was not given; it is {rule}.")
    return notes


def _must_have_prices(definition: Definition, source: Source, folder: Path) -> None:
    if definition.prices and not (folder / definition.prices).is_file():
        there = [path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml")] if folder.is_dir() else []
        near = did_you_mean(definition.prices, there) if there else "Take `prices:` out, or write the table."
        raise TaskError(f"{source.at('prices')}: there is no price table {definition.prices!r}.", near)

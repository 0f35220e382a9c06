"""Looks at the columns of tables: personal data in them, columns that say nothing, and those that say the answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import task_kind
from merits.core.task import Example
from merits.tasks.looks.personal import personal_data
from merits.tasks.looks.seeing import Fact, Finding, Seen, Sight, spread_of

__all__ = ["CODES", "features", "look", "reads"]

CODES = {
    "column-gives-answer-away": "A column from which the target can be read, which will not be known in production.",
    "constant-columns": "Columns with the same value in every row.",
    "personal-data-in-columns": "Columns that hold personal data, which must not go to everybody's servers.",
}
_MOST_SEEN = 20_000
_FEW = 50  # rows; among fewer a column may follow the target by chance
_ALIKE = 0.9999  # of the ranks' correlation


def look(sight: Sight) -> Seen | None:
    """Of inputs that are mappings of columns: the target's spread, and what is odd about columns; None without any."""
    positions = [i for i, example in enumerate(sight.examples) if reads(example)]
    if not positions:
        return None
    chosen = sight.sample(positions, _MOST_SEEN)
    columns: dict[str, list[JSON]] = defaultdict(lambda: [None] * len(chosen))
    for row, position in enumerate(chosen):
        input = sight.examples[position].input
        assert isinstance(input, Mapping)
        for name, cell in input.items():
            columns[name][row] = cell
    targets = [sight.examples[position].target for position in chosen]
    numeric = task_kind(sight.task.kind).target == "number"
    facts = [Fact("columns", f"{len(columns):,}", {"n": len(columns)})]
    facts += [_target(targets)] if numeric else []
    findings = [*_constant(columns), *_given_away(columns, targets, numeric=numeric), *_personal(sight, columns)]
    return Seen(n=len(positions), n_seen=len(chosen), facts=facts, findings=findings)


def reads(example: Example) -> bool:
    """Whether an input is a mapping of columns."""
    return isinstance(example.input, Mapping)


def _target(targets: Sequence[JSON]) -> Fact:
    spread = spread_of([float(target) for target in targets if isinstance(target, int | float)])
    low, middle, p95, high = (f"{value:,.6g}" for value in spread.values())
    return Fact("target", f"{low} to {high}, half up to {middle}, 95 % up to {p95}", {**spread})


def _constant(columns: Mapping[str, Sequence[JSON]]) -> Iterator[Finding]:
    same = [name for name, cells in columns.items() if len(cells) > 1 and len({repr(cell) for cell in cells}) == 1]
    if same:
        yield Finding(
            code="constant-columns",
            text=f"{', '.join(map(repr, same[:5]))}: the same value in every row.",
            next_step="Take them out of `input:`; nothing can be learned from them.",
        )


def _given_away(columns: Mapping[str, Sequence[JSON]], targets: Sequence[JSON], *, numeric: bool) -> Iterator[Finding]:
    """Columns that order the rows as the target does, or that have a value of their own for every label."""
    if len(targets) < _FEW:
        return
    follows = _follows_number if numeric else _follows_label
    for name, cells in columns.items():
        if follows(cells, targets):
            yield Finding(
                code="column-gives-answer-away",
                text=f"The target can be read from the column {name!r}.",
                next_step="Take it out of `input:`, unless it will be known when the question is asked.",
            )


def _follows_number(cells: Sequence[JSON], targets: Sequence[JSON]) -> bool:
    pairs = [(c, t) for c, t in zip(cells, targets, strict=True) if _is_number(c) and _is_number(t)]
    if len(pairs) < max(_FEW, len(cells) / 2):
        return False
    ranks = [np.unique(np.array(part, dtype=float), return_inverse=True)[1] for part in zip(*pairs, strict=True)]
    if min(len(np.unique(rank)) for rank in ranks) < _FEW / 2:
        return False
    a, b = (rank - rank.mean() for rank in ranks)
    return abs(float(a @ b)) >= _ALIKE * float(np.sqrt((a @ a) * (b @ b)))


def _is_number(cell: JSON) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _follows_label(cells: Sequence[JSON], targets: Sequence[JSON]) -> bool:
    """Whether the values that come back each have one label, in at least twenty rows a value, and tell labels apart."""
    labels: dict[str, set[str]] = defaultdict(set)
    for cell, target in zip(cells, targets, strict=True):
        labels[repr(cell)].add(str(target))
    often = len(cells) >= 20 * len(labels)
    return often and all(len(found) == 1 for found in labels.values()) and len({str(target) for target in targets}) > 1


def _personal(sight: Sight, columns: Mapping[str, Sequence[JSON]]) -> Iterator[Finding]:
    found: dict[str, Counter[str]] = {}
    for name, cells in columns.items():
        texts = [cell for cell in cells if isinstance(cell, str)]
        counts = Counter(kind for kinds in map(personal_data, texts) for kind in kinds)
        if counts:
            found[name] = counts
    if found:
        shown = "; ".join(f"{name!r}: {kind} in {n:,}" for name, kinds in found.items() for kind, n in kinds.items())
        yield Finding(
            code="personal-data-in-columns",
            text=f"Columns hold personal data: {shown}.",
            next_step="Take them out or redact them, or require `on-premises`, so that they are sent to nobody.",
        )


def features(sight: Sight, positions: Sequence[int]) -> object | None:
    """The columns as numbers, as candidates are shown them."""
    from merits.candidates.features import reader_of, words

    inputs = [sight.examples[position].input for position in positions]
    reader = reader_of(inputs)
    rows = [reader.row(input) for input in inputs]
    made: object = reader.encoder(rows, words, sparse=True, seed=0).fit_transform(reader.matrix(rows))
    return made

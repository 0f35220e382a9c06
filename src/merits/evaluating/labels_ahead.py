"""What labels of people will do for a decision, before it is made: how many there are, and what they make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from merits.core.judge import LabelTable
from merits.evaluating.rows import Rows
from merits.stats.powered import FEWEST_LABELS, expected_reach, labels_for

__all__ = ["LabelsAhead", "labels_ahead"]

_GOOD = 0.8  # correlation with people of a judge that is right in nine of ten, where half the answers are
_WANTED = 0.05


@dataclass(frozen=True)
class LabelsAhead:
    """Independent labelled answers of each candidate by name, of so many independent ones each; and `elsewhere`.

    `elsewhere` counts the labels of other splits and candidates, and ties: none of them corrects this decision.
    `n_blank` rows of the table are not labelled yet.
    """

    labelled: dict[str, int]
    n_answers: int
    elsewhere: int = 0
    n_blank: int = 0

    @property
    def fewest(self) -> int:
        """Of the candidates that have enough labels to be compared, the fewest; 0 where none has."""
        return min((n for n in self.labelled.values() if n >= FEWEST_LABELS), default=0)

    def sentences(self) -> Iterator[str]:
        """What a reader should know before anything is asked.

        >>> print(*LabelsAhead({"a": 40, "b": 3}, 200).sentences(), sep="\\n")
        labels of people, of 200 answers each: 40 of a, 3 of b; the decision will be corrected by that.
        b has fewer than 10 labels, so it will be compared with nobody.
        a share solved will be known to about ±17 points with 40 labels if the judge is no help, to ±13 if it is \
right in 9 of 10; ±5 points take more examples than these.
        """
        if not any(self.labelled.values()):
            yield "no answer here is labelled by people: the judge's error will be in no interval."
        else:
            counts = ", ".join(f"{n:,} of {name}" for name, n in self.labelled.items())
            what = "the decision will be corrected by that" if self.fewest else "too few to correct anything"
            yield f"labels of people, of {self.n_answers:,} answers each: {counts}; {what}."
        if self.elsewhere:
            yield f"{self.elsewhere:,} labels are of other examples or candidates, or ties: they correct nothing here."
        if self.n_blank:
            yield f"{self.n_blank:,} rows of the table are not labelled yet."
        few = [name for name, n in self.labelled.items() if n < FEWEST_LABELS] if self.fewest else []
        if few:
            who = "it" if len(few) == 1 else "they"
            have = "has" if len(few) == 1 else "have"
            yield f"{', '.join(few)} {have} fewer than {FEWEST_LABELS} labels, so {who} will be compared with nobody."
        yield from self._widths()

    def _widths(self) -> Iterator[str]:
        n, n_all = self.fewest, self.n_answers
        if n_all < FEWEST_LABELS:
            return
        useless, good = (labels_for(_WANTED, n_all, correlation) for correlation in (0.0, _GOOD))
        points = f"±{100 * _WANTED:.0f} points"
        wanted = f"{points} take more examples than these"
        if good is not None:
            most = "more than all" if useless is None else f"{useless:,}"
            wanted = f"{points} take {most} or {good:,} labels of each candidate"
        if n:
            reach = [f"±{100 * expected_reach(n, n_all, correlation):.0f}" for correlation in (0.0, _GOOD)]
            yield (
                f"a share solved will be known to about {reach[0]} points with {n:,} labels if the judge is no help, "
                f"to {reach[1]} if it is right in 9 of 10; {wanted}."
            )
        elif good is not None:
            yield f"{wanted} (the judge no help, or right in 9 of 10), of answers drawn by chance."
        else:
            draw = "drawn by chance (merits judge draw)"
            yield f"label {FEWEST_LABELS} or more answers of each candidate, {draw}; {wanted}."


def labels_ahead(table: LabelTable, rows: Rows, names: Sequence[str]) -> LabelsAhead:
    """The labels of these candidates' answers to these rows, counted as a decision on them will count them."""
    groups = rows.groups
    at = {(example, repeat): row for row, (example, repeat) in enumerate(zip(rows.ids, rows.repeats, strict=True))}
    found: dict[str, set[int]] = defaultdict(set)
    elsewhere = 0
    for label in table.said:
        row = at.get((label.example, label.repeat))
        if row is None or label.candidate not in names or label.solved is None:
            elsewhere += 1
            continue
        found[label.candidate].add(int(groups[row]))
    return LabelsAhead({name: len(found[name]) for name in names}, len(np.unique(groups)), elsewhere, len(table.blank))

"""What recommenders recommend taken together: how many different items, and how evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merits.core.doors import AnswerKey
from merits.core.interactions import items_of
from merits.report.extras.registry import ExtraSection, ExtraTable
from merits.report.sections.examples import Source
from merits.report.sections.subject import Subject
from merits.stats.coverage import different_things, effective_number

__all__ = ["section"]

_SAMPLE = 2_000  # lists that are looked at
_K = 10


def section(subject: Subject, source: Source) -> ExtraSection | None:
    """A table of coverage; None where nobody gave a list."""
    evaluation, level = subject.evaluation, subject.decision.level
    clean = np.flatnonzero(subject.cases.clean & (evaluation.repeats == evaluation.repeats.min()))
    sample = np.sort(np.random.default_rng(0).permutation(clean)[:_SAMPLE])
    rows = []
    for k in subject.order:
        lists = _lists(subject, source, k, sample)
        if len(lists):
            rows.append((subject.name(k), (different_things(lists, level), effective_number(lists, level))))
    if not rows:
        return None
    of = f" of {len(clean):,}, drawn by chance" if len(sample) < len(clean) else ""
    return ExtraSection(
        id="recommended",
        title="What is recommended",
        words=(
            "A recommender that shows everybody the same has few different items. The effective number is how many "
            "equally common items would be as hard to foresee. Neither says whether anybody wants them.",
        ),
        tables=(
            ExtraTable(
                caption=f"The first {_K} of each list, {len(sample):,} lists{of}; "
                "the intervals are for as many lists as these.",
                columns=("different items", "effective number of items"),
                rows=tuple(rows),
            ),
        ),
    )


def _lists(subject: Subject, source: Source, k: int, rows: Sequence[int] | NDArray[np.intp]) -> NDArray[np.int64]:
    """The lists that a candidate gave, as codes (lists, places)."""
    evaluation = subject.evaluation
    keys = [AnswerKey(str(evaluation.input_hashes[row]), int(evaluation.repeats[row]), "") for row in rows]
    said = source.answers(evaluation.versions[k], keys)
    codes: dict[str, int] = {}
    found = []
    for answer in said.values():
        if answer.failure is None and (items := items_of(answer.output)[:_K]):
            listed = [codes.setdefault(item, len(codes)) for item in items]
            found.append(listed + [-1] * (_K - len(listed)))
    return np.array(found, np.int64).reshape(-1, _K)

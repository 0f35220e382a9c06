"""How far each candidate is from the leader, who cannot be told apart, and what would tell them apart."""

from __future__ import annotations

import string
from collections.abc import Sequence

import msgspec

from merits.core.estimate import Estimate
from merits.deciding.amounts import about_more
from merits.deciding.comparison import Comparison, compare
from merits.deciding.corpus import corpus_measures, counted_measure, paired_measure
from merits.deciding.groups import tied_groups
from merits.report.sections.subject import Subject
from merits.scorers.counted import STATISTICS
from merits.stats.paired import holm

__all__ = ["CorpusRow", "CorpusTable", "Difference", "DifferenceSection", "difference_section"]

_MOST = 30  # candidates; the rest are far behind
_MOST_CORPUS = 8  # candidates that measures of all answers are compared of: each pair is resampled


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate less the leader, on the same examples, with its simultaneous interval; the leader has none.

    `p_value` is corrected for all pairs. `groups` are letters: two candidates that share one cannot be told apart.
    `detectable` is the difference that these examples show with probability 80 %, and `settle` what would tell the
    two apart, "" where they are.
    """

    name: str
    relation: str
    estimate: Estimate | None
    p_value: float | None
    groups: str
    detectable: str
    settle: str


class CorpusRow(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's measure of all its answers together; the difference to the leader's, on the same examples."""

    name: str
    estimate: Estimate | None
    difference: Estimate | None
    p_value: float | None


class CorpusTable(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of all answers together. p-values are corrected for the number of rows here (Holm)."""

    name: str
    what: str
    higher_is_better: bool
    rows: tuple[CorpusRow, ...]


class DifferenceSection(msgspec.Struct, frozen=True, kw_only=True):
    """All differences to the leader. `margin` is the tie margin in the unit of the differences.

    `groups` are the sets of candidates that cannot be told apart, best first; None where they are too many to show.
    """

    leader: str
    objective: str
    margin: float
    n_pairs: int
    level: float
    rows: tuple[Difference, ...]
    groups: tuple[tuple[str, ...], ...] | None
    n_left_out: int
    corpus: tuple[CorpusTable, ...]


def difference_section(subject: Subject) -> DifferenceSection | None:
    """None where fewer than two candidates can be compared."""
    members = _members(subject)
    leader = next((k for k in members if _relation(subject, k) == "leader"), None)
    if leader is None or len(members) < 2:
        return None
    compared = compare(subject.cases, subject.decision.needs, members)
    shown = sorted(members, key=lambda k: -compared.means[k])[:_MOST]
    shown = [leader, *(k for k in shown if k != leader)]
    groups = tied_groups(shown, lambda i, j: compared.better(i, j) or compared.better(j, i))
    letters = _letters(groups or ())
    return DifferenceSection(
        leader=subject.name(leader),
        objective=compared.objective,
        margin=subject.decision.needs.tie_margin * compared.scale,
        n_pairs=compared.n_pairs,
        level=subject.decision.level,
        rows=tuple(_row(subject, compared, k, leader, letters.get(k, "")) for k in shown),
        groups=None if groups is None else tuple(tuple(subject.name(k) for k in group) for group in groups),
        n_left_out=len(members) - len(shown),
        corpus=tuple(_tables(subject, leader, shown[:_MOST_CORPUS])),
    )


def _members(subject: Subject) -> list[int]:
    """The candidates that the decision compared."""
    return [k for k in subject.order if _relation(subject, k) != "not assessed"]


def _relation(subject: Subject, k: int) -> str:
    return subject.decision.standing(subject.evaluation.names[k]).relation


def _letters(groups: Sequence[Sequence[int]]) -> dict[int, str]:
    """The letters of each candidate; after z come the capitals, and then none."""
    found: dict[int, str] = {}
    for letter, group in zip(string.ascii_letters, groups, strict=False):
        for k in group:
            found[k] = found.get(k, "") + letter
    return found


def _row(subject: Subject, compared: Comparison, k: int, leader: int, letters: str) -> Difference:
    relation = _relation(subject, k)
    if k == leader:
        return Difference(
            name=subject.name(k),
            relation=relation,
            estimate=None,
            p_value=None,
            groups=letters,
            detectable="",
            settle="",
        )
    estimate = compared.difference(k, leader)
    detectable = compared.detectable(k, leader)
    return Difference(
        name=subject.name(k),
        relation=relation,
        estimate=estimate,
        p_value=compared.p_value(k, leader),
        groups=letters,
        detectable="" if detectable is None else estimate.number(detectable).lstrip("+"),
        settle=_settle(subject, compared, k, leader, relation),
    )


def _settle(subject: Subject, compared: Comparison, k: int, leader: int, relation: str) -> str:
    if relation in ("worse", "dropped"):
        return "" if relation == "worse" else "out of the race"
    total = compared.examples_to_tell(leader, k)
    if total is None:
        return "no number of examples"
    more = total - compared.n_common(leader, k)
    return f"{about_more(more, subject.cases).lower()}" if more > 0 else "a few more examples"


def _tables(subject: Subject, leader: int, shown: Sequence[int]) -> list[CorpusTable]:
    measures = corpus_measures(subject.evaluation)
    tables = [_table(subject, name, what, leader, shown) for name, what in measures.items()]
    return [table for table in tables if any(row.difference or row.estimate for row in table.rows)]


def _table(subject: Subject, name: str, what: str, leader: int, shown: Sequence[int]) -> CorpusTable:
    evaluation, level = subject.evaluation, subject.decision.level
    counted = evaluation.counts.get(name)
    pairs = {k: paired_measure(subject.cases, name, k, leader) for k in shown if k != leader}
    known = {k: pair for k, pair in pairs.items() if pair is not None and pair.difference(level).value is not None}
    adjusted = dict(zip(known, holm([pair.p_value for pair in known.values()]).tolist(), strict=True))
    rows = [
        CorpusRow(
            name=subject.name(k),
            estimate=None if counted is None else counted_measure(subject.cases, name, k, level),
            difference=known[k].difference(level) if k in known else None,
            p_value=adjusted.get(k),
        )
        for k in shown
    ]
    higher = counted is None or STATISTICS[counted.statistic].higher_is_better
    return CorpusTable(name=name if counted else what, what=what, higher_is_better=higher, rows=tuple(rows))

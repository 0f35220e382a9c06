"""What changed, in sentences: the same ones on a terminal and in Markdown. Knows nothing about how they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.deciding.changes import Change, Flip, SideSummary
from merits.report import numbers
from merits.report.plain import one_line

__all__ = ["FlipRow", "chance", "facts", "flip_rows", "headline", "slice_rows", "title"]

_MOST_NAMED = 6
_LONGEST = 160


class FlipRow(msgspec.Struct, frozen=True):
    """One flipped example as a table shows it."""

    example: str
    what: str
    input: str


def title(change: Change) -> str:
    """Whom against whom."""
    return f"{_name(change.second)} against {_name(change.first)}"


def headline(change: Change) -> str:
    """The verdict in one sentence, with its interval and p-value."""
    first, second = _name(change.first), _name(change.second)
    shown = f"{change.difference.text()}, n = {change.difference.n:,}, {chance(change.p_value)}"
    if change.verdict == "cannot be told apart":
        return f"{second} and {first} cannot be told apart: {shown}."
    return f"{second} is {change.verdict} than {first}: {shown}."


def chance(p_value: float) -> str:
    """A p-value as it is printed.

    >>> chance(0.03127), chance(0.00002)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def facts(change: Change) -> tuple[str, ...]:
    """What stands behind the verdict, one sentence each, most important first."""
    return tuple(_facts(change))


def flip_rows(flips: Sequence[Flip], inputs: Mapping[str, JSON], most: int) -> tuple[FlipRow, ...]:
    """The first flips as rows: the id, what became of it, and the input where it is known."""
    return tuple(_flip_row(flip, inputs.get(flip.example)) for flip in flips[:most])


def slice_rows(change: Change, most: int) -> tuple[tuple[str, str, str], ...]:
    """Slice, verdict and difference: those that certainly gain or lose, then those that come closest to it."""
    return tuple(
        (f"{one_line(s.tag, 30)}: {one_line(s.value, 40) or '(none)'}", s.verdict, s.difference.text())
        for s in change.slices[:most]
    )


def _facts(change: Change) -> Iterator[str]:
    first, second = change.first, change.second
    verb = "scores" if change.measure == "score" else "solves"
    for side in (first, second):
        if side.quality is not None:
            yield f"{_name(side)} {verb} {side.quality.text()}{_not_answered(side)}."
    if change.difference_answered is not None:
        yield f"Failures count as not solved; left out, the difference is {change.difference_answered.text()}."
    yield _flipped(change)
    yield _paired(change)
    yield from (_flaky(side) for side in (first, second) if side.n_repeated)
    if not first.n_repeated and not second.n_repeated:
        yield "Which examples are flaky is not known: nothing was asked twice (merits run --repeats 3)."
    yield _slices(change)
    yield _more(
        change.cost, f"{_name(second)} costs", ("more", "less"), "What a case costs is not known on both sides."
    )
    yield _more(change.latency_s, f"{_name(second)} takes", ("longer", "less"), "Latency is not known on both sides.")
    yield f"The interval: {change.difference.method}; the p-value: {change.p_method}."
    yield from change.cautions


def _name(side: SideSummary) -> str:
    return one_line(side.label, 60)


def _not_answered(side: SideSummary) -> str:
    parts = [(side.n_failed, "failed"), (side.n_unscored, "could not be judged"), (side.n_missing, "missing")]
    told = ", ".join(f"{numbers.count(n)} {what}" for n, what in parts if n)
    return f" ({told})" if told else ""


def _flipped(change: Change) -> str:
    lost, gained = len(change.lost), len(change.gained)
    if not lost and not gained:
        return "No example flipped."
    failing = sum(flip.now == "failed" for flip in change.lost)
    because = f" ({numbers.count(failing)} of them failed)" if failing else ""
    return f"{numbers.counted(lost, 'example')} lost{because}, {numbers.counted(gained, 'example')} gained."


def _paired(change: Change) -> str:
    counts = change.pairing
    verb = "pairs" if counts.n_paired == 1 else "pair"
    rest = [(counts.n_only_first, change.first), (counts.n_only_second, change.second)]
    only = ", ".join(f"{numbers.count(n)} only in {_name(side)}" for n, side in rest if n) or "none is left over"
    return f"{numbers.counted(counts.n_paired, 'example')} {verb} by {counts.by}; {only}."


def _flaky(side: SideSummary) -> str:
    asked = f"{numbers.counted(side.n_repeated, 'example')} that {_name(side)} was asked more than once"
    if not side.flaky:
        return f"Of {asked}, none is flaky."
    return f"Of {asked}, {numbers.count(len(side.flaky))} came out differently each time: {_listed(side.flaky)}."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name, 40) for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED:,} more"


def _slices(change: Change) -> str:
    if not change.n_slices:
        return "There is no slice with enough examples to compare."
    looked = f"{numbers.counted(change.n_slices, 'slice')} (corrected for that many by Holm)"
    sure = [s for s in change.slices if s.verdict != "cannot be told"]
    if not sure:
        return f"Of {looked}, none certainly gains or loses."
    told = "; ".join(
        f"{one_line(s.tag, 30)} {one_line(s.value, 40)} {s.verdict} {s.difference.text()}" for s in sure[:4]
    )
    return f"Of {looked}, {len(sure)} certainly changed: {told}."


def _more(estimate: Estimate | None, start: str, words: tuple[str, str], unknown: str) -> str:
    """A difference a case, in words instead of a sign."""
    if estimate is None or estimate.value is None:
        return unknown
    if estimate.value == 0.0 and estimate.low == estimate.high:
        return f"{start} the same a case."
    if estimate.value >= 0.0:
        return f"{start} {estimate.text()} {words[0]} a case."
    return f"{start} {_turned(estimate).text()} {words[1]} a case."


def _turned(estimate: Estimate) -> Estimate:
    value, low, high = (None if end is None else -end for end in (estimate.value, estimate.low, estimate.high))
    return msgspec.structs.replace(estimate, value=value, low=high, high=low)


def _flip_row(flip: Flip, asked: JSON) -> FlipRow:
    sure = "" if flip.before in (0.0, 1.0) and flip.after in (0.0, 1.0) else f" ({flip.before:.0%} → {flip.after:.0%})"
    text = "" if asked is None else one_line(asked, _LONGEST)
    return FlipRow(one_line(flip.example, 60), f"{flip.was} → {flip.now}{sure}", text)

"""Why a decision is what it is, step by step, as plain data and as plain text that fits 80 columns.

Reads the decision only: whatever is printed is a number or a sentence that the decision holds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from merits.core.decision import Decision, Standing
from merits.core.errors import UsageError
from merits.core.estimate import Estimate
from merits.core.step import Evidence, Step
from merits.core.validate import did_you_mean
from merits.report.plain import one_line
from merits.report.sections.verdict import headline

__all__ = ["SCHEMA", "Counted", "Explanation", "explanation", "text"]

SCHEMA = "merits.explanation/1"
_WIDTH = 80
_LONGEST = 2_000


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence on one candidate: how many outcomes of which kind, and the share solved under both policies."""

    candidate: str
    relation: str
    n_scored: int
    n_failed: int
    n_unscored: int
    n_missing: int
    quality: Estimate | None
    quality_answered: Estimate | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The chain of reasoning of one decision; `source` says which decision it is, `remembered` what the last run said.

    With `candidate` only what speaks of that one is kept of the evidence; every step stays.
    """

    task: str
    split: str
    source: str
    remembered: str
    verdict: str
    headline: str
    decision: str
    candidate: str
    n_examples: int
    n_compared: int
    test_looks: int
    evidence: tuple[Counted, ...]
    steps: tuple[Step, ...]
    what_would_change_it: str
    next_step: str


def explanation(decision: Decision, *, source: str = "", remembered: str = "", candidate: str = "") -> Explanation:
    """The explanation of a decision, of one candidate's part in it if one is named.

    Raises UsageError for a name that the decision does not have.
    """
    names = [standing.candidate for standing in decision.standings]
    if candidate and candidate not in names:
        raise UsageError(f"no candidate is named {candidate!r}.", did_you_mean(candidate, names))
    return Explanation(
        task=decision.task_name,
        split=decision.split,
        source=source,
        remembered=remembered,
        verdict=decision.verdict,
        headline=headline(decision),
        decision=decision.id,
        candidate=candidate,
        n_examples=decision.n_examples,
        n_compared=decision.n_compared,
        test_looks=decision.test_looks,
        evidence=tuple(_counted(s) for s in decision.standings if candidate in ("", s.candidate)),
        steps=tuple(_about(step, candidate, names) for step in decision.steps),
        what_would_change_it=decision.what_would_change_it,
        next_step=decision.next_step,
    )


def text(found: Explanation) -> str:
    """The explanation as plain text of at most 80 columns; texts from outside are cleaned and on one line."""
    lines = [
        *_filled(f"{found.headline}: why ({found.task}, {found.n_examples:,} {found.split} examples)"),
        *_filled(found.source),
        *_filled(found.remembered),
        "",
        "The evidence",
        *(line for counted in found.evidence for line in _evidence(counted)),
    ]
    policy = ""
    for number, step in enumerate(found.steps, 1):
        if step.policy != policy:
            policy = step.policy
            lines += ["", *_filled(f"If {policy}:" if policy else "Both together:")]
        lines += ["", *_filled(f"{number}. {step.question}"), *_filled(step.answer, "   ")]
        lines += [line for evidence in step.evidence for line in _shown(evidence)]
    if not found.steps:
        lines += ["", *_filled("This decision was made by a version that kept no steps: decide again (merits report).")]
    if found.what_would_change_it:
        lines += ["", "What would change it", *_filled(found.what_would_change_it, "   ")]
    if found.next_step and found.next_step != found.what_would_change_it:
        lines += ["", "Next", *_filled(found.next_step, "   ")]
    return "\n".join(lines) + "\n"


def _counted(standing: Standing) -> Counted:
    return Counted(
        candidate=standing.candidate,
        relation=standing.relation,
        n_scored=standing.n_scored,
        n_failed=standing.n_failed,
        n_unscored=standing.n_unscored,
        n_missing=standing.n_missing,
        quality=standing.quality,
        quality_answered=standing.quality_answered,
    )


def _about(step: Step, candidate: str, names: Sequence[str]) -> Step:
    """The step with the evidence that speaks of the candidate: its own, and comparisons with it."""
    if not candidate:
        return step
    pairs = {f"{one} minus {other}" for one in names for other in names if candidate in (one, other)}
    kept = tuple(each for each in step.evidence if each.candidate == candidate or each.what in pairs)
    return msgspec.structs.replace(step, evidence=kept)


def _evidence(counted: Counted) -> Iterator[str]:
    counts = (
        (counted.n_scored, "scored"),
        (counted.n_failed, "failed"),
        (counted.n_unscored, "unscored"),
        (counted.n_missing, "missing"),
    )
    said = ", ".join(f"{n:,} {word}" for n, word in counts if n or word == "scored")
    yield from _filled(f"{counted.candidate}: {said}; {counted.relation}", " - ")
    if counted.n_failed:
        yield from _estimate("solved, failures as wrong", counted.quality)
        yield from _estimate("solved, failures left out", counted.quality_answered)
    else:
        yield from _estimate("solved", counted.quality)


def _shown(evidence: Evidence) -> Iterator[str]:
    found = f": {evidence.found}" if evidence.found else ""
    own = (
        evidence.what
        if evidence.what.endswith(f" minus {evidence.candidate}")
        else (f"{evidence.candidate}, {evidence.what}")
    )
    yield from _filled(f"{own}{found}", " - ")
    if evidence.estimate is not None:
        yield from _estimate("", evidence.estimate, evidence.p_value)


def _estimate(what: str, estimate: Estimate | None, p_value: float | None = None) -> Iterator[str]:
    """The number with its interval, and under it where it is from."""
    if estimate is None:
        return
    p = "" if p_value is None else f", adjusted p {_p(p_value)}"
    yield from _filled(f"{what}{' ' if what else ''}{estimate}{p}", "     ")
    yield from _filled(f"by {estimate.method}; at {_percent(estimate.level)}", "       ")


def _p(value: float) -> str:
    return "under 0.0001" if value < 0.0001 else f"{value:.4f}"


def _percent(level: float) -> str:
    """A level with as many digits as tell it from its neighbours: 95 %, 99.58 %.

    >>> _percent(0.95), _percent(1 - 0.05 / 12)
    ('95 %', '99.58 %')
    """
    return f"{100 * level:.4g} %"


def _filled(line: str, indent: str = "") -> list[str]:
    """A text from anywhere as lines that fit, those after the first indented further than its mark."""
    return textwrap.wrap(
        one_line(line, _LONGEST),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,
    )

"""The verdict in words: what to do, how sure that is, what would change it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.decision import Decision, Verdict
from merits.core.estimate import Estimate
from merits.report.sections.subject import Subject

__all__ = ["Figure", "Tone", "VerdictSection", "headline", "verdict_section"]

Tone: TypeAlias = Literal["good", "open", "bad"]
_TONES: dict[Verdict, Tone] = {
    "adopt": "good",
    "keep": "good",
    "none worth it": "bad",
    "undecided": "open",
    "recheck": "open",
}


class Figure(msgspec.Struct, frozen=True):
    """One number worth a large print, with its interval."""

    label: str
    estimate: Estimate


class VerdictSection(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, in the words that the decision found for it."""

    verdict: Verdict
    tone: Tone
    headline: str
    candidate: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    what_would_change_it: str
    next_step: str
    policies: dict[str, str]
    caution: str


def headline(decision: Decision) -> str:
    """The verdict in a few words: "Adopt B", "None is worth it"."""
    name = decision.candidate
    if decision.verdict in ("adopt", "keep"):
        return f"{decision.verdict.capitalize()} {name}"
    if decision.verdict == "recheck":
        return f"Check {name} again" if name else "Check again"
    return "Undecided" if decision.verdict == "undecided" else "None is worth it"


def verdict_section(subject: Subject) -> VerdictSection:
    """The verdict with the figures of the candidate it names."""
    decision = subject.decision
    return VerdictSection(
        verdict=decision.verdict,
        tone=_TONES[decision.verdict],
        headline=headline(decision),
        candidate=decision.candidate,
        sentences=tuple(_paragraphs(decision.summary)),
        figures=_figures(decision),
        what_would_change_it=decision.what_would_change_it,
        next_step=decision.next_step,
        policies=decision.policies if len(set(decision.policies.values())) > 1 else {},
        caution=_caution(decision),
    )


def _paragraphs(summary: str) -> list[str]:
    return [part.strip() for part in summary.split("\n") if part.strip()]


def _figures(decision: Decision) -> tuple[Figure, ...]:
    if not decision.candidate:
        return ()
    standing = decision.standing(decision.candidate)
    shown = {
        "cases solved": standing.quality,
        "cost per solved case": standing.cost_per_solved,
        "net value a month": standing.net_value_per_month,
        "net value a case": None if standing.net_value_per_month else standing.net_value_per_case,
        "95 % of answers within": standing.latency_p95_s,
    }
    return tuple(Figure(label, estimate) for label, estimate in shown.items() if estimate is not None)


def _caution(decision: Decision) -> str:
    if decision.split == "dev":
        return "These are development examples: good for exploring, not for deciding. Decide on the test examples."
    if decision.split == "live":
        return "These are live cases, not the test examples."
    return ""

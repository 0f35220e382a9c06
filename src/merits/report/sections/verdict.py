"""The verdict in words: what to do, how sure that is, what would change it."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import msgspec

from merits.core.decision import Decision, Verdict
from merits.core.estimate import Estimate
from merits.report.numbers import count
from merits.report.sections.candidates import Units
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
    """The verdict, in the words that the decision found for it.

    `policies` holds both verdicts only where they differ; `failures` says in one line what both come to, and is ""
    where nothing failed.
    """

    verdict: Verdict
    tone: Tone
    headline: str
    candidate: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    what_would_change_it: str
    next_step: str
    policies: dict[str, str]
    failures: str
    caution: str


def headline(decision: Decision) -> str:
    """The verdict in a few words: "Adopt B", "None is worth it"."""
    name = decision.candidate
    if decision.verdict in ("adopt", "keep"):
        return f"{decision.verdict.capitalize()} {name}"
    if decision.verdict == "recheck":
        return f"Check {name} again" if name else "Check again"
    return "Undecided" if decision.verdict == "undecided" else "None is worth it"


def verdict_section(subject: Subject, units: Units) -> VerdictSection:
    """The verdict with the figures of the candidate it names."""
    decision = subject.decision
    return VerdictSection(
        verdict=decision.verdict,
        tone=_TONES[decision.verdict],
        headline=headline(decision),
        candidate=decision.candidate,
        sentences=_sentences(decision),
        figures=_figures(decision, units),
        what_would_change_it=""
        if decision.what_would_change_it == decision.next_step
        else decision.what_would_change_it,
        next_step=decision.next_step,
        policies=decision.policies if len(set(decision.policies.values())) > 1 else {},
        failures=_failures(subject),
        caution=_caution(decision),
    )


def _failures(subject: Subject) -> str:
    """Both verdicts in one line: when failures count as wrong, and when they are left out."""
    if not subject.cases.failed.any():
        return ""
    policies = subject.decision.policies
    if len(set(policies.values())) > 1:
        return " ".join(f"If {policy}: {outcome}." for policy, outcome in policies.items())
    return "Whether failures count as wrong or are left out, the verdict is the same."


_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])")


def _sentences(decision: Decision) -> tuple[str, ...]:
    """The summary's sentences, less what stands beside it anyway: the headline, and what would change it."""
    text = (
        decision.summary.replace(decision.what_would_change_it, "")
        if decision.what_would_change_it
        else decision.summary
    )
    found = (_without(headline(decision), " ".join(part.split())) for part in _SENTENCE.split(text))
    return tuple(part for part in found if part)


def _without(title: str, sentence: str) -> str:
    """A sentence less the headline that it begins with.

    >>> _without("Undecided", "Undecided: there is nothing to compare.")
    'There is nothing to compare.'
    """
    if sentence.rstrip(".:") == title:
        return ""
    rest = sentence.removeprefix(f"{title}: ")
    return rest if rest == sentence else rest[:1].upper() + rest[1:]


def _figures(decision: Decision, units: Units) -> tuple[Figure, ...]:
    if not decision.candidate:
        return ()
    standing = decision.standing(decision.candidate)
    cost = standing.cost_per_solved and standing.cost_per_solved.times(units.solved)
    shown = {
        "cases solved": standing.quality,
        "cost of a solved case" if units.solved == 1 else f"cost of {count(units.solved)} solved cases": cost,
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

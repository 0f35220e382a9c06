"""The whole report as plain data: every renderer draws this, and its JSON is what programs read.

Knows nothing about how it is drawn. The same outcomes always make the same view.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from merits.core.bill import Bill
from merits.core.decision import Decision, Reason
from merits.core.economics import Economics
from merits.core.evaluation import Evaluation
from merits.core.improvement import Improvement
from merits.core.kinds import is_labelled
from merits.core.needs import Needs
from merits.core.task import Example, ScorerSpec
from merits.report.cases.blocks import Files
from merits.report.cases.registry import has_own_case
from merits.report.extras.registry import ExtraSection, extra_sections
from merits.report.sections.candidates import CandidateRow, Units, candidate_rows, units_of
from merits.report.sections.conditions import ConditionsSection, conditions_section
from merits.report.sections.curves import CurveSection, curve_section
from merits.report.sections.differences import DifferenceSection, difference_section
from merits.report.sections.disagreement import DisagreementSection, disagreement_section
from merits.report.sections.economics import has_content
from merits.report.sections.examples import Answers, Perturbed, ShownExample, Source, drawn, hardest, solved_by_one
from merits.report.sections.frontier import FrontierSection, frontier_section
from merits.report.sections.latency import LatencySection, latency_section
from merits.report.sections.measures import MeasureSection, measure_section
from merits.report.sections.mistakes import ConfusionSection, confusion_section
from merits.report.sections.race import RaceSection, race_section
from merits.report.sections.repeats import RepeatSection, repeat_section
from merits.report.sections.robustness import RobustnessSection, robustness_section
from merits.report.sections.search import SearchSection, search_section
from merits.report.sections.slices import SliceSection, slice_section
from merits.report.sections.spent import SpentSection, spent_section
from merits.report.sections.subject import Subject
from merits.report.sections.verdict import VerdictSection, verdict_section

__all__ = ["SCHEMA", "LeftOut", "ReportView", "view"]

SCHEMA = "merits.report/1"


class LeftOut(msgspec.Struct, frozen=True):
    """A section that is not there, and why."""

    section: str
    why: str


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a report shows. Sections that have nothing to show are None or empty, and named in `left_out`."""

    schema: str
    task: str
    kind: str
    split: str
    n_examples: int
    level: float
    currency: str
    objective: str
    made_at: str
    needs: Needs
    verdict: VerdictSection
    search: SearchSection | None
    reasons: tuple[Reason, ...]
    candidates: tuple[CandidateRow, ...]
    units: Units
    race: RaceSection | None
    frontier: FrontierSection | None
    economics: Economics | None
    latency: LatencySection | None
    slices: SliceSection | None
    confusion: ConfusionSection | None
    measures: MeasureSection | None
    curves: CurveSection | None
    differences: DifferenceSection | None
    repeats: RepeatSection | None
    robustness: RobustnessSection | None
    disagreement: DisagreementSection | None
    solved_by_one: tuple[ShownExample, ...]
    hardest: tuple[ShownExample, ...]
    drawn: tuple[ShownExample, ...]
    extras: tuple[ExtraSection, ...]
    spent: SpentSection | None
    conditions: ConditionsSection
    left_out: tuple[LeftOut, ...]


def view(
    evaluation: Evaluation,
    decision: Decision,
    *,
    examples: Sequence[Example],
    answers: Answers,
    files: Files = lambda name: None,
    perturbed: Perturbed = lambda example, level: None,
    scorers: Sequence[ScorerSpec] = (),
    made_at: str = "",
    bill: Bill | None = None,
    search: Improvement | None = None,
) -> ReportView:
    """The report on a decision, as plain data.

    `examples` are those of the split; `answers` gives the raw answers of a version to some keys (a store's
    `answers`) and is asked only for the few that are shown; `files` gives a copy of a picture or a sound that they
    name, and `perturbed` what was asked of an example under a perturbation. `scorers` are the task's: what is marked in
    an answer is what they count. `made_at` is printed as it is. `bill` is what was paid over all runs, and
    `search` what was searched for better candidates.
    """
    subject = Subject(evaluation, decision)
    source = Source(examples, answers, files, perturbed, scorers)
    rows = candidate_rows(subject)
    units = units_of(rows)
    found = ReportView(
        schema=SCHEMA,
        task=decision.task_name,
        kind=evaluation.kind,
        split=decision.split,
        n_examples=decision.n_examples,
        level=decision.level,
        currency=decision.currency,
        objective=decision.objective,
        made_at=made_at,
        needs=decision.needs,
        verdict=verdict_section(subject, units),
        search=search_section(search, decision.needs, decision.candidate),
        reasons=decision.reasons,
        candidates=rows,
        units=units,
        race=race_section(subject),
        frontier=frontier_section(rows, decision.currency, units, decision.economics),
        economics=decision.economics if has_content(decision.economics) else None,
        latency=latency_section(subject),
        slices=slice_section(subject),
        confusion=confusion_section(subject),
        measures=measure_section(subject),
        curves=curve_section(subject),
        differences=difference_section(subject),
        repeats=repeat_section(subject),
        robustness=robustness_section(subject, source),
        disagreement=disagreement_section(subject),
        solved_by_one=solved_by_one(subject, source),
        hardest=hardest(subject, source),
        drawn=drawn(subject, source) if has_own_case(evaluation.kind) else (),
        extras=extra_sections(subject, source),
        spent=spent_section(subject, bill),
        conditions=conditions_section(subject, answers),
        left_out=(),
    )
    return msgspec.structs.replace(found, left_out=_left_out(found))


def _left_out(found: ReportView) -> tuple[LeftOut, ...]:
    no_classes = "the task has no classes" if not is_labelled(found.kind) else "no labelled outcome"
    reasons = {
        "Quality against cost": (found.frontier, "fewer than two candidates have both a price and a quality"),
        "Money": (found.economics, "no candidate that may be chosen has a price, or there is only one"),
        "Latency": (found.latency, "no latency was measured"),
        "Slices": (found.slices, "no tags were named (slices: in the task file)"),
        "Mistakes by class": (found.confusion, no_classes),
        "Measures": (found.measures, f"{no_classes}, and no further scorer was named"),
        "Ranking and calibration": (found.curves, "no candidate gave probabilities"),
        "Differences": (found.differences, "fewer than two candidates can be compared"),
        "Asked again": (found.repeats, "every question was asked once (settings: repeats)"),
        "Robustness": (found.robustness, "no example was asked perturbed (robustness: in the task file)"),
        "Where candidates disagree": (found.disagreement, "fewer than two candidates have outcomes"),
        "The hardest examples": (found.hardest, "no candidate got an example wrong"),
    }
    return tuple(LeftOut(section, why) for section, (content, why) in reasons.items() if not content)
